"""Databases for tests: of each dialect, with our tables and nothing in them."""

from __future__ import annotations

import asyncio
import compileall
import itertools
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import kongflow
from kongflow.core.catalog import DatabaseSettings
from kongflow.store.open import open_store
from tests.postgres import Server, running_server

LONG = ("storms", "house", "acceptance")
"""Folders whose tests take longest. They go first: at the end one worker would be alone with them."""


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores (`-n auto`): a third of the time a test waits for a lease, a poll or a process."""
    return (os.cpu_count() or 1) + 1


def pytest_configure(config: pytest.Config) -> None:
    """Compile the package once, where nobody may write bytecode: hundreds of processes would compile it for themselves.

    A process starts in 0.4 s instead of 0.65 s.
    """
    if sys.dont_write_bytecode and not hasattr(config, "workerinput"):
        compileall.compile_dir(Path(kongflow.__file__).parent, quiet=2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest tests first."""
    tests = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(tests).parts[0] not in LONG)


def _migrate(url: str) -> None:
    async def migrate() -> None:
        store = open_store(DatabaseSettings(url))
        await store.open()
        await store.migrate()
        await store.close()

    asyncio.run(migrate())


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with our tables; tests work on copies."""
    path = tmp_path_factory.mktemp("migrated") / "jobs.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_database(server: Server) -> Iterator[str]:
    """A PostgreSQL database with our tables; tests work on copies."""
    name = server.create()
    _migrate(server.url(name))
    yield name
    server.drop(name)


@pytest.fixture
def fresh_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], DatabaseSettings]]:
    """Makes a database of a dialect, with our tables and nothing in them. What a dialect needs is started on demand."""
    made: list[tuple[Server, str]] = []
    files = itertools.count()

    def make(dialect: str) -> DatabaseSettings:
        if dialect == "sqlite":
            path = tmp_path / f"jobs{next(files) or ''}.db"
            shutil.copy(request.getfixturevalue("migrated_file"), path)
            return DatabaseSettings(f"sqlite:///{path}?synchronous=normal")
        server: Server = request.getfixturevalue("server")
        name = server.create(template=request.getfixturevalue("migrated_database"))
        made.append((server, name))
        return server.settings(name)

    yield make
    for server, name in made:
        server.drop(name)
