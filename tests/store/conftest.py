"""One stage for every dialect: each promise of the contract is tested on all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from kongflow.core.catalog import DatabaseSettings
from kongflow.store.open import open_store
from tests.postgres import DIALECTS
from tests.store.stage import POLL, Stage


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=DIALECTS)
def database(request: pytest.FixtureRequest, fresh_database: Callable[[str], DatabaseSettings]) -> DatabaseSettings:
    """A database of each dialect, with our tables and nothing in them."""
    return fresh_database(request.param)


@pytest.fixture
async def stage(database: DatabaseSettings) -> AsyncIterator[Stage]:
    store = open_store(database, POLL)
    await store.open()
    stage = Stage(database, store)
    yield stage
    for each in (*stage.others, store):
        await each.close()
