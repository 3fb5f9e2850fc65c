from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from kongflow import KongFlow, SyncKongFlow
from kongflow.core.catalog import DatabaseSettings
from tests.postgres import DIALECTS
from tests.project_folder import write_project


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, fresh_database: Callable[[str], DatabaseSettings]) -> str:
    """The URL of a database of each dialect, with our tables."""
    return fresh_database(request.param).url


def engine_url(url: str, *, is_async: bool = False) -> URL:
    """The URL of a database for an SQLAlchemy engine of the application's own."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return parsed.set(drivername="sqlite+aiosqlite" if is_async else "sqlite", query={})
    return parsed.set(drivername="postgresql+psycopg")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory is a fresh project on that database; its handlers are imported anew."""
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KONGFLOW_CONFIG", raising=False)
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", url)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("job_handlers", None)


@pytest.fixture
def sync_flow(project: Path) -> Iterator[SyncKongFlow]:
    with SyncKongFlow.from_config() as flow:
        yield flow


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def flow(project: Path) -> AsyncIterator[KongFlow]:
    async with KongFlow.from_config() as flow:
        yield flow
