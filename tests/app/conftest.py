from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kongflow import KongFlow, SyncKongFlow
from tests.project_folder import write_project


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory is a fresh project; its handlers are imported anew."""
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    for variable in ("KONGFLOW_CONFIG", "KONGFLOW_DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)
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
