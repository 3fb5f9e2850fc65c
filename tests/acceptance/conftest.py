"""One project a test and a database, in a folder of its own; no process outlives its test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kongflow.core.catalog import DatabaseSettings
from tests.acceptance.project import Project
from tests.postgres import DIALECTS


@pytest.fixture(params=DIALECTS)
def project(
    request: pytest.FixtureRequest, tmp_path: Path, fresh_database: Callable[[str], DatabaseSettings]
) -> Iterator[Callable[[str], Project]]:
    made: list[Project] = []
    url = fresh_database(request.param).url

    def make(yaml: str) -> Project:
        made.append(Project(tmp_path, yaml, url))
        return made[-1]

    yield make
    for one in made:
        one.stop()
