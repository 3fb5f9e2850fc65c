"""One project a test, in a folder of its own; no process outlives its test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Callable[[str], Project]]:
    made: list[Project] = []

    def make(yaml: str) -> Project:
        made.append(Project(tmp_path, yaml))
        return made[-1]

    yield make
    for one in made:
        one.stop()
