"""Databases for tests: of each dialect, with our tables and nothing in them."""

from __future__ import annotations

import asyncio
import compileall
import gc
import importlib
import itertools
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import catalog
import kongflow
import tests.busy_machines  # noqa: F401  its settings hold for all tests
from kongflow.core.catalog import DatabaseSettings
from kongflow.store.open import open_store
from tests.postgres import Server, memory, running_server

FORBIDDEN = sys.dont_write_bytecode

LONG = (
    "house/test_layout.py",
    "storms",
    "acceptance",
    "docs",
    "cli/test_processes.py",
    "cli/test_runner_process.py",
    "cli/test_child_processes.py",
    "cli/test_shell.py",
    "cli/test_unread_output.py",
    "catalog/test_session.py",
    "catalog/test_recovery.py",
    "generate/test_type_checkers.py",
    "engine/test_processes.py",
    "engine/test_child",
    "engine/test_overlapping_slots.py",
    "engine/test_maintenance.py",
    "engine/test_outages.py",
    "store/test_model.py",
    "store/test_contention.py",
    "store/sqlite/test_processes.py",
    "store/sqlite/test_schema.py",
    "store/postgres/test_schema.py",
    "store/postgres/test_plans.py",
)
"""Beginnings of the paths of tests that take seconds each, most of them waiting for processes."""


def pytest_xdist_auto_num_workers() -> int:
    """Two a core (`-n auto`): half of the time a test waits for a lease, a poll, a process or the server."""
    return 2 * (os.cpu_count() or 1)


def pytest_configure(config: pytest.Config) -> None:
    """Compile the packages once, where nobody may write bytecode: hundreds of processes would compile them themselves.

    A process starts in 0.4 s instead of 0.65 s. Hand out tests one by one: of the hundreds that xdist gives each worker
    at once, one worker would have all the long ones.
    """
    config.option.maxschedchunk = 1
    if memory() is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory()))  # a commit to a file waits for the disk
    if hasattr(config, "workerinput"):
        gc.disable()  # until all tests are collected
    elif sys.dont_write_bytecode:
        for package in (kongflow, catalog):
            compileall.compile_dir(Path(str(package.__file__)).parent, quiet=2)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Where all tests run in several workers, let each import them from another one on, and write down what it has
    compiled: what one has done, the others find. If each did all, that would take seven seconds on every core.
    """
    config = session.config
    if hasattr(config, "workerinput") and config.args_source is config.ArgsSource.TESTPATHS:
        number, count = int(config.workerinput["workerid"].removeprefix("gw")), config.workerinput["workercount"]
        files = sorted(Path(__file__).parent.rglob("test_*.py"))
        first = len(files) * number // count
        sys.dont_write_bytecode = False
        for file in (*files[first:], *files[:first]):
            importlib.import_module(".".join(file.relative_to(config.rootpath).with_suffix("").parts))
        sys.dont_write_bytecode = FORBIDDEN


def pytest_collection_finish() -> None:
    """Let the garbage collector leave what was collected alone: five thousand tests are no garbage, and to look through
    them again and again took a tenth of the time.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where there are several workers, spread the long tests over the first two thirds: while they wait for their
    processes, others have the cores. At the end one worker would be alone with them, and all of them at once would keep
    each other waiting.
    """
    if not hasattr(config, "workerinput"):
        return
    tests = Path(__file__).parent
    long = [item for item in items if str(item.path.relative_to(tests)).startswith(LONG)]
    others = [item for item in items if not str(item.path.relative_to(tests)).startswith(LONG)]
    between = len(others) * 2 // 3 // max(len(long), 1)
    items.clear()
    for number, item in enumerate(long):
        items += [item, *others[number * between : (number + 1) * between]]
    items += others[len(long) * between :]


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
