"""The application's transactions beside ones that are held too long, and the end of a call that meets one of them."""

import pytest
from sqlalchemy.exc import InternalError, OperationalError

from catalog import runs
from catalog.app import database as application
from catalog.app import work
from catalog.app.database import begin
from catalog.app.models import JobRun, JobRunExecution, RunStatus
from catalog.app.work import transaction
from catalog.running.endings import lock_run
from kongflow.core.job import JobState, Reason
from tests.catalog import run_answers as said
from tests.catalog.calling import begin_run, make_calls
from tests.catalog.servers import http_endpoint
from tests.catalog.stage import every, one

pytestmark = pytest.mark.anyio


@pytest.mark.only_on("postgres")
async def test_a_row_that_stays_locked_is_not_waited_for_without_end(flow, monkeypatch):
    monkeypatch.setattr(application, "LOCK_TIMEOUT", "50ms")
    run = await begin_run(flow, "http://127.0.0.1:9/")

    async with begin() as holder:
        await lock_run(holder, run)
        with pytest.raises(OperationalError, match="lock timeout"):
            async with begin() as other:
                await lock_run(other, run)
        with pytest.raises(OperationalError, match="lock timeout"):
            async with transaction(flow) as of_a_job:
                await lock_run(of_a_job.session, run)


@pytest.mark.only_on("postgres")
async def test_a_process_that_is_frozen_in_a_transaction_loses_its_rows(flow, monkeypatch):
    run = await begin_run(flow, "http://127.0.0.1:9/")

    async def freeze() -> None:
        monkeypatch.setattr(application, "IDLE_TIMEOUT", "50ms")
        async with begin() as frozen:
            await lock_run(frozen, run)
            monkeypatch.setattr(application, "IDLE_TIMEOUT", "30s")
            async with begin() as other:
                assert (await lock_run(other, run)) is not None
            await lock_run(frozen, run)

    with pytest.raises(InternalError, match="idle-in-transaction"):
        await freeze()


def fail_first(step: str, times: int, monkeypatch) -> None:
    """Let a step of a call, `prepare` or `conclude`, be refused by the database this often."""
    does, left = getattr(runs, step), [times]

    async def refused(*arguments):
        done = await does(*arguments)
        if left[0]:
            left[0] -= 1
            raise OperationalError("insert", {}, Exception("deadlock detected"))
        return done

    monkeypatch.setattr(runs, step, refused)
    monkeypatch.setattr(work, "PAUSES", (0, 0))


@pytest.mark.parametrize("step", ["prepare", "conclude"])
async def test_a_call_that_the_database_refuses_before_or_after_it_is_made_once(flow, monkeypatch, step):
    fail_first(step, 2, monkeypatch)
    async with http_endpoint() as endpoint:
        endpoint.says(said.SUCCESS)
        await begin_run(flow, endpoint.url)
        await make_calls(flow)

    assert len(endpoint.requests) == 1
    assert (await one(JobRun)).status is RunStatus.SUCCESS
    assert len(await every(JobRunExecution)) == 1


async def test_an_answer_that_can_never_be_written_fails_its_job_in_the_end(flow, monkeypatch):
    fail_first("conclude", 3, monkeypatch)
    async with http_endpoint() as endpoint:
        endpoint.says(said.SUCCESS)
        await begin_run(flow, endpoint.url)
        await make_calls(flow)

    page = await flow.jobs(task="performRunExecution")
    assert [(job.state, job.reason) for job in page.items] == [(JobState.FAILED, Reason.ERROR)]
    assert (await one(JobRun)).status is RunStatus.STARTED
