"""Engine tests run on asyncio, as runners do, and on every database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kongflow.core.catalog import DatabaseSettings
from tests.engine.database import note_url
from tests.postgres import DIALECTS


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that has a folder has a database in it, of each dialect; or of those that the mark `only_on` names."""
    if "tmp_path" in metafunc.fixturenames:
        only_on = metafunc.definition.get_closest_marker("only_on")
        metafunc.parametrize("dialect", only_on.args if only_on else DIALECTS, indirect=True)


@pytest.fixture(autouse=True)
def dialect(request: pytest.FixtureRequest) -> str | None:
    name: str | None = getattr(request, "param", None)
    if name is not None:
        folder: Path = request.getfixturevalue("tmp_path")
        make: Callable[[str], DatabaseSettings] = request.getfixturevalue("fresh_database")
        note_url(folder, make(name).url)
    return name
