"""What people do to a job that a user's transaction holds: it waits for it some seconds, and then says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from kongflow.errors import StoreBusy
from kongflow.store.postgres import connections
from tests.store.stage import Stage

pytestmark = pytest.mark.anyio

Operation = Callable[[Stage, str], Awaitable[object]]

OPERATIONS: dict[str, Operation] = {
    "cancel": lambda stage, job: stage.store.cancel(job),
    "retry": lambda stage, job: stage.store.retry(job, "{}"),
    "run_now": lambda stage, job: stage.store.run_now(job),
    "reschedule": lambda stage, job: stage.store.reschedule(job, 60.0),
    "delete": lambda stage, job: stage.store.delete(job),
}


async def test_each_of_them_is_busy_after_some_seconds_and_has_written_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 60.0)  # it is the server that gives up, however busy the machine
    job = await stage.job((await stage.add(delay=3600.0)).id)
    async with stage.store.transaction() as user:
        await user.exec_driver_sql(f"select from kongflow.job where id = {job.id} for update")
        tried = await asyncio.gather(
            *(operation(stage, job.id) for operation in OPERATIONS.values()), return_exceptions=True
        )
    assert [type(each) for each in tried] == [StoreBusy] * len(OPERATIONS)
    assert await stage.job(job.id) == job
    assert "try again" in str(tried[0])


@pytest.mark.parametrize("name", OPERATIONS)
async def test_each_of_them_goes_on_when_the_user_is_done(stage: Stage, name: str) -> None:
    job = await stage.job((await stage.add(delay=3600.0)).id)
    async with stage.store.transaction() as user:
        await user.exec_driver_sql(f"select from kongflow.job where id = {job.id} for update")
        work = asyncio.ensure_future(OPERATIONS[name](stage, job.id))
        await asyncio.sleep(0)
    await work
    assert await stage.store.get(job.id) != job
