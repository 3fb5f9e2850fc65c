"""What a worker of Trigger.dev v2 or of KongFlow in Go must do, on both databases. The numbers are those of the cases
that were recorded from graphile-worker 0.13; where `docs/from-trigger-dev.md` says that we differ, our rule is tested.

Case 10, a cron line with two processes, is in tests/engine and tests/storms/test_slots.py.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from kongflow import InvalidPayload, KongFlow
from kongflow.errors import InvalidOption
from kongflow.testing import drain, enqueued

pytestmark = pytest.mark.anyio

CONFIG = """\
version: 1
name: ancestors
database: {url: "${KONGFLOW_DATABASE_URL}"}
runner: {concurrency: 5, poll_interval: 50ms}
retry_policies: {default: {jitter: 0}}
queues: {"runs:*": {concurrency: 1}}
retention: {failed: 7d}
tasks:
  perform:
    handler: ancestor_handlers.perform
    queue: runs:<< payload.id >>
    payload:
      type: object
      required: [id]
      properties: {id: {type: string, minLength: 1}}
  anything: {handler: ancestor_handlers.perform}
  fail: {handler: ancestor_handlers.fail, max_attempts: 3}
"""
HANDLERS = """\
import asyncio

running, most, together, order, called = [], {}, set(), [], []
gate = None


async def perform(payload, job):
    called.append(job.id)
    order.append((payload or {}).get("n"))
    running.append(job.queue)
    most[job.queue] = max(most.get(job.queue, 0), running.count(job.queue))
    together.add(frozenset(running))
    if gate is not None:
        await asyncio.wait_for(gate(running), 60)
    running.remove(job.queue)
    if payload and payload.get("fails"):
        raise ConnectionError("the other side is away")


async def fail(payload, job):
    called.append(job.attempt)
    raise ConnectionError("the other side is away")
"""
T1, T2 = (datetime(2030, 1, day, tzinfo=UTC) for day in (1, 2))


@pytest.fixture
def project(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "kongflow.yaml").write_text(CONFIG)
    (tmp_path / "ancestor_handlers.py").write_text(HANDLERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", url)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("ancestor_handlers", None)


@pytest.fixture
async def flow(project: Path) -> AsyncIterator[KongFlow]:
    async with KongFlow.from_config() as flow:
        yield flow


@pytest.fixture
def handlers(flow: KongFlow) -> Any:
    """The module of the handlers, with what they have noted."""
    import ancestor_handlers

    return ancestor_handlers


class Held:
    """Keeps the next job inside its handler for the length of a block."""

    def __init__(self, flow: KongFlow, handlers: Any) -> None:
        self._flow, self._handlers = flow, handlers
        self._inside, self._go = asyncio.Event(), asyncio.Event()

    async def _gate(self, _running: Any) -> None:
        self._inside.set()
        await self._go.wait()

    async def __aenter__(self) -> None:
        self._handlers.gate = self._gate
        self._run = asyncio.create_task(drain(self._flow))
        await asyncio.wait_for(self._inside.wait(), 60)

    async def __aexit__(self, *_: object) -> None:
        self._handlers.gate = None
        self._go.set()
        await self._run


async def test_case_1_a_queue_is_rendered_from_the_payload_when_the_job_is_added(flow: KongFlow) -> None:
    job = await flow.enqueue("perform", {"id": "r1"})

    assert (job.queue, job.attempt) == ("runs:r1", 0)
    with pytest.raises(InvalidPayload):
        await flow.enqueue("perform", {})
    assert [each.id for each in await enqueued(flow)] == [job.id]


async def test_case_2_jobs_of_one_name_take_turns_and_pass_those_of_another(flow: KongFlow, handlers: Any) -> None:
    async def until_both(running: list[str]) -> None:
        while len(set(running)) < 2 and not handlers.together & {frozenset({"runs:a", "runs:b"})}:
            await asyncio.sleep(0.005)

    handlers.gate = until_both
    for id in ("a", "a", "b"):
        await flow.enqueue("perform", {"id": id})

    assert [end.outcome for end in await drain(flow)] == ["succeeded"] * 3
    assert handlers.most == {"runs:a": 1, "runs:b": 1}
    assert frozenset({"runs:a", "runs:b"}) in handlers.together


async def test_case_3_retries_follow_the_curve_and_end_after_the_last_attempt(flow: KongFlow, handlers: Any) -> None:
    job = await flow.enqueue("fail")
    delays = []
    while (await drain(flow))[-1].outcome == "retried":
        waiting = await flow.get(job.id)
        failed = waiting.attempts[-1]
        delays.append((waiting.run_at - failed.ended_at).total_seconds())
        flow.store.advance(60)

    failed = await flow.get(job.id)
    assert delays == pytest.approx([2.72, 7.39], abs=0.05)
    assert (failed.state, failed.reason) == ("failed", "error")
    assert "the other side is away" in failed.error.message
    flow.store.advance(86_400)
    assert await drain(flow) == []
    assert handlers.called == [1, 2, 3]


async def test_case_4_a_payload_that_is_wrong_never_reaches_the_handler(
    flow: KongFlow, handlers: Any, project: Path
) -> None:
    with pytest.raises(InvalidPayload, match=r"\$\.id"):
        await flow.enqueue("perform", {"id": 5})
    job = await flow.enqueue("perform", {"id": "r1"})
    async with flow.transaction() as connection:
        table = "kongflow_job" if connection.dialect.name == "sqlite" else "kongflow.job"
        await connection.execute(text(f"""update {table} set payload = '{{"id": 5}}'"""))

    await drain(flow)

    spoilt = await flow.get(job.id)
    assert (spoilt.state, spoilt.reason, spoilt.claims) == ("failed", "invalid_payload", 1)
    assert handlers.called == []


@pytest.mark.parametrize(
    ("mode", "payload", "run_at"),
    [("replace", 2, T2), ("preserve_run_at", 2, T1), ("unsafe_dedupe", 1, T1)],
)
async def test_case_5_a_key_has_one_waiting_job(flow: KongFlow, mode: Any, payload: int, run_at: datetime) -> None:
    first = await flow.enqueue("anything", {"n": 1}, job_key="k", job_key_mode=mode, run_at=T1)
    second = await flow.enqueue("anything", {"n": 2}, job_key="k", job_key_mode=mode, run_at=T2)

    (job,) = await enqueued(flow)
    assert job.id == first.id == second.id
    assert (job.payload, job.run_at) == ({"n": payload}, run_at)
    assert (first.created, second.created) == (True, False)


async def test_case_5_a_mode_that_nobody_knows_is_refused(flow: KongFlow) -> None:
    with pytest.raises(InvalidOption, match="replace"):
        await flow.enqueue("anything", job_key="k", job_key_mode="latest")


async def test_case_6_replacing_a_job_that_runs_adds_one_and_takes_its_retries(flow: KongFlow, handlers: Any) -> None:
    old = await flow.enqueue("anything", {"fails": True}, job_key="k")
    async with Held(flow, handlers):
        new = await flow.enqueue("anything", {"n": 2}, job_key="k")

    assert (new.id != old.id, new.created) == (True, True)
    assert [(job.state, job.reason) for job in await enqueued(flow)] == [
        ("cancelled", "superseded"),
        ("succeeded", None),
    ]


async def test_case_6_deduplicating_against_a_job_that_runs_adds_none(flow: KongFlow, handlers: Any) -> None:
    old = await flow.enqueue("anything", job_key="k")
    async with Held(flow, handlers):
        again = await flow.enqueue("anything", job_key="k", job_key_mode="unsafe_dedupe")

    assert (again.id, again.created) == (old.id, False)
    assert len(await enqueued(flow)) == 1


async def test_case_7_dequeue_cancels_what_waits_and_leaves_what_runs(flow: KongFlow, handlers: Any) -> None:
    waiting = await flow.enqueue("anything", job_key="waits", run_at=T1)
    running = await flow.enqueue("anything", job_key="runs")
    async with Held(flow, handlers):
        assert (await flow.dequeue("waits")).id == waiting.id
        assert await flow.dequeue("runs") is None
        assert await flow.dequeue("nobody") is None

    assert (await flow.get(waiting.id)).state == "cancelled"
    assert (await flow.get(running.id)).state == "succeeded"


@pytest.mark.parametrize("commits", [True, False])
async def test_case_8_business_rows_and_their_job_are_there_together_or_not_at_all(
    flow: KongFlow, commits: bool
) -> None:
    async with flow.transaction() as connection:
        await connection.execute(text("create table orders (n integer)"))

    async def order() -> None:
        async with flow.transaction() as connection:
            await connection.execute(text("insert into orders values (1)"))
            await flow.enqueue("anything", connection=connection)
            if not commits:
                raise RuntimeError("the business says no")

    if commits:
        await order()
    else:
        with pytest.raises(RuntimeError, match="the business says no"):
            await order()

    async with flow.transaction() as connection:
        assert (await connection.execute(text("select count(*) from orders"))).scalar() == int(commits)
    assert len(await enqueued(flow)) == int(commits)


async def test_case_9_the_lower_priority_number_runs_first(project: Path) -> None:
    (project / "kongflow.yaml").write_text(CONFIG.replace("concurrency: 5", "concurrency: 1"))
    async with KongFlow.from_config() as flow:
        for priority in (5, 0, -5):
            await flow.enqueue("anything", {"n": priority}, priority=priority)
        await drain(flow)

        import ancestor_handlers

        assert ancestor_handlers.order == [-5, 0, 5]


@pytest.mark.parametrize(("age", "kept"), [(timedelta(days=6), True), (timedelta(days=9), False)])
async def test_case_11_a_failed_job_goes_when_its_retention_is_over(flow: KongFlow, age: timedelta, kept: bool) -> None:
    job = await flow.enqueue("fail", max_attempts=1)
    await drain(flow)
    flow.store.advance(age.total_seconds())

    while await flow.store.prune(1000) >= 1000:
        pass

    assert [each.id for each in await enqueued(flow)] == ([job.id] if kept else [])


async def test_case_11_a_job_that_may_still_be_retried_stays_however_old(flow: KongFlow) -> None:
    job = await flow.enqueue("fail")
    await drain(flow)
    flow.store.advance(timedelta(days=30).total_seconds())

    await flow.store.prune(1000)

    assert (await flow.get(job.id)).state == "retrying"


async def test_case_12_the_option_of_a_call_wins_and_success_leaves_the_table_of_live_jobs(flow: KongFlow) -> None:
    failing = await flow.enqueue("fail", max_attempts=5)
    fine = await flow.enqueue("anything")
    await drain(flow)

    assert failing.max_attempts == 5
    assert (await flow.get(fine.id)).state == "succeeded"
    async with flow.transaction() as connection:
        table = "kongflow_job" if connection.dialect.name == "sqlite" else "kongflow.job"
        live = (await connection.execute(text(f"select id from {table}"))).scalars().all()
    assert [str(id) for id in live] == [failing.id]
