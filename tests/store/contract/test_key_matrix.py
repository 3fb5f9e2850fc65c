"""Job keys: every state of the job that has the key, against every mode of adding, and against dequeue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from kongflow.core.outcome import RunAgain
from tests.store.stage import FAILED, RELEASED, RETRIED, SUCCEEDED, Stage

pytestmark = pytest.mark.anyio

Make = Callable[[Stage, int], Awaitable[str]]


async def _added(stage: Stage, delay: float | None = None) -> str:
    job = await stage.add(payload='{"old":1}', key="k", delay=delay, max_attempts=2, tags=("old",), flags=("f",))
    return job.id


async def _ready(stage: Stage, runner: int) -> str:
    return await _added(stage)


async def _scheduled(stage: Stage, runner: int) -> str:
    return await _added(stage, delay=100.0)


async def _running(stage: Stage, runner: int) -> str:
    id = await _added(stage)
    await stage.claim(runner)
    return id


def _ended(transition: object) -> Make:
    async def make(stage: Stage, runner: int) -> str:
        id = await _added(stage)
        await stage.end(runner, await stage.claim_one(runner), transition)  # type: ignore[arg-type]
        return id

    return make


async def _crashed(stage: Stage, runner: int) -> str:
    dead = await stage.runner("work")
    id = await _added(stage)
    await stage.claim(dead)
    await stage.lose(dead, witness=runner)
    return id


async def _cancelled(stage: Stage, runner: int) -> str:
    id = await _added(stage)
    await stage.store.cancel(id)
    return id


NEVER_CLAIMED: dict[str, Make] = {"ready": _ready, "scheduled": _scheduled}
WAITING_AGAIN: dict[str, Make] = {
    "retrying": _ended(RETRIED),
    "snoozed": _ended(RunAgain(30.0, gives_back=True)),
    "released": _ended(RELEASED),
    "crashed": _crashed,
}
RUNNING: dict[str, Make] = {"running": _running}
FINISHED: dict[str, Make] = {"succeeded": _ended(SUCCEEDED), "failed": _ended(FAILED), "cancelled": _cancelled}

UPSERTS = ("replace", "preserve_run_at")
MODES = (*UPSERTS, "unsafe_dedupe")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("before", ["none", *FINISHED])
async def test_where_no_live_job_has_the_key_one_is_added(stage: Stage, before: str, mode: str) -> None:
    runner = await stage.runner("work")
    old = None if before == "none" else await FINISHED[before](stage, runner)
    job = await stage.add(payload='{"new":1}', key="k", mode=mode)
    assert (job.created, job.key, job.state, job.id != old) == (True, "k", "ready", True)
    if old is not None:
        assert (await stage.job(old)).state.is_final


@pytest.mark.parametrize("mode", UPSERTS)
@pytest.mark.parametrize("before", NEVER_CLAIMED)
async def test_a_job_that_was_never_claimed_is_given_everything_anew(stage: Stage, before: str, mode: str) -> None:
    runner = await stage.runner("work", "other")
    old = await NEVER_CLAIMED[before](stage, runner)
    was = await stage.job(old)
    job = await stage.add("other", '{"new":1}', key="k", mode=mode, priority=7, delay=50.0)
    assert (job.id, job.created) == (old, False)
    assert (job.task, job.payload, job.priority, job.max_attempts) == ("other", {"new": 1}, 7, None)
    assert (job.tags, job.flags, job.created_at) == ((), (), was.created_at)
    if mode == "preserve_run_at":
        assert (job.run_at, job.state) == (was.run_at, was.state)
    else:
        assert (job.run_at > was.run_at or before == "scheduled", job.state) == (True, "scheduled")
    assert job == await stage.job(old)


@pytest.mark.parametrize("before", NEVER_CLAIMED)
async def test_dedupe_returns_a_job_that_was_never_claimed_as_it_is(stage: Stage, before: str) -> None:
    runner = await stage.runner("work")
    old = await NEVER_CLAIMED[before](stage, runner)
    was = await stage.job(old)
    assert await stage.add("other", '{"new":1}', key="k", mode="unsafe_dedupe") == was


@pytest.mark.parametrize("mode", UPSERTS)
@pytest.mark.parametrize("before", WAITING_AGAIN)
async def test_a_job_that_waits_again_is_superseded_at_once(stage: Stage, before: str, mode: str) -> None:
    runner = await stage.runner("work")
    old = await WAITING_AGAIN[before](stage, runner)
    job = await stage.add(payload='{"new":1}', key="k", mode=mode)
    assert (job.created, job.id != old, job.state) == (True, True, "ready")
    assert await stage.state(old) == "cancelled: superseded"
    assert await stage.claim_ids(runner) == [job.id]


@pytest.mark.parametrize("before", WAITING_AGAIN)
async def test_dedupe_returns_a_job_that_waits_again_as_it_is(stage: Stage, before: str) -> None:
    runner = await stage.runner("work")
    old = await WAITING_AGAIN[before](stage, runner)
    was = await stage.job(old)
    assert await stage.add(key="k", mode="unsafe_dedupe") == was


@pytest.mark.parametrize("mode", UPSERTS)
async def test_beside_a_running_job_a_new_one_is_added(stage: Stage, mode: str) -> None:
    runner = await stage.runner("work")
    old = await _running(stage, runner)
    job = await stage.add(key="k", mode=mode)
    assert (job.created, job.id != old) == (True, True)
    assert await stage.state(old) == "running"
    assert await stage.claim_ids(runner) == [job.id]


async def test_dedupe_returns_a_running_job_as_it_is(stage: Stage) -> None:
    runner = await stage.runner("work")
    old = await _running(stage, runner)
    assert await stage.add(key="k", mode="unsafe_dedupe") == await stage.job(old)


async def test_dedupe_prefers_the_waiting_job_to_the_running_one(stage: Stage) -> None:
    runner = await stage.runner("work")
    await _running(stage, runner)
    waiting = await stage.add(key="k")
    assert (await stage.add(key="k", mode="unsafe_dedupe")).id == waiting.id


@pytest.mark.parametrize("before", [*NEVER_CLAIMED, *WAITING_AGAIN])
async def test_dequeue_cancels_a_waiting_job_and_returns_it(stage: Stage, before: str) -> None:
    runner = await stage.runner("work")
    old = await (NEVER_CLAIMED | WAITING_AGAIN)[before](stage, runner)
    job = await stage.store.dequeue("k")
    assert job is not None
    assert (job.id, job.state, job.reason) == (old, "cancelled", "request")
    assert job == await stage.job(old)
    assert await stage.store.dequeue("k") is None
    stage.advance(1_000.0)
    assert await stage.claim(runner) == []


@pytest.mark.parametrize("before", ["none", *RUNNING, *FINISHED])
async def test_dequeue_leaves_running_and_finished_jobs_alone(stage: Stage, before: str) -> None:
    runner = await stage.runner("work")
    old = None if before == "none" else await (RUNNING | FINISHED)[before](stage, runner)
    was = None if old is None else await stage.job(old)
    assert await stage.store.dequeue("k") is None
    assert was is None or await stage.job(was.id) == was


async def test_dequeue_takes_the_waiting_job_beside_a_running_one(stage: Stage) -> None:
    runner = await stage.runner("work")
    running = await _running(stage, runner)
    waiting = await stage.add(key="k")
    dequeued = await stage.store.dequeue("k")
    assert dequeued is not None
    assert dequeued.id == waiting.id
    assert await stage.state(running) == "running"
