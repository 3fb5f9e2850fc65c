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
    """A test that has a folder has a database in it, of each dialect; or of those that its module names in ONLY_ON."""
    if "tmp_path" in metafunc.fixturenames:
        metafunc.parametrize("dialect", getattr(metafunc.module, "ONLY_ON", DIALECTS), indirect=True)


@pytest.fixture(autouse=True)
def dialect(request: pytest.FixtureRequest) -> str | None:
    name: str | None = getattr(request, "param", None)
    if name is not None:
        folder: Path = request.getfixturevalue("tmp_path")
        make: Callable[[str], DatabaseSettings] = request.getfixturevalue("fresh_database")
        note_url(folder, make(name).url)
    return name
