"""One stage for every dialect: each promise of the contract is tested on all of them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kongflow.core.catalog import DatabaseSettings
from kongflow.store.open import open_store
from tests.store.stage import POLL, Stage


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with our tables; tests work on copies."""
    path = tmp_path_factory.mktemp("migrated") / "jobs.db"

    async def migrate() -> None:
        store = open_store(DatabaseSettings(f"sqlite:///{path}"))
        await store.open()
        await store.migrate()
        await store.close()

    asyncio.run(migrate())
    return path


@pytest.fixture(params=["sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path) -> DatabaseSettings:
    """A database of each dialect, with our tables and nothing in them."""
    shutil.copy(migrated_file, tmp_path / "jobs.db")
    return DatabaseSettings(f"sqlite:///{tmp_path}/jobs.db?synchronous=normal")


@pytest.fixture
async def stage(database: DatabaseSettings) -> AsyncIterator[Stage]:
    store = open_store(database, POLL)
    await store.open()
    stage = Stage(database, store)
    yield stage
    for each in (*stage.others, store):
        await each.close()
