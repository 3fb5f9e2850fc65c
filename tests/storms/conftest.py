"""A storm works on a project in a folder, with the handlers of storms; no process outlives it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kongflow.core.catalog import DatabaseSettings
from tests.postgres import DIALECTS
from tests.storms.arena import Arena


@pytest.fixture(params=DIALECTS)
def arena(
    request: pytest.FixtureRequest, tmp_path: Path, fresh_database: Callable[[str], DatabaseSettings]
) -> Iterator[Callable[[str], Arena]]:
    """Makes the arena of a storm from its kongflow.yaml, on each dialect."""
    made: list[Arena] = []
    url = fresh_database(request.param).url

    def make(yaml: str) -> Arena:
        made.append(Arena(tmp_path, yaml, url))
        return made[-1]

    yield make
    for one in made:
        one.stop()
