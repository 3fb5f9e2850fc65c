"""From a claimed job to its end, on a real store."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.job import Job, JobState, NewJob, Reason
from kongflow.core.outcome import Cancel, Snooze
from kongflow.engine.context import JobContext, SyncJobContext
from kongflow.engine.events import (
    JobCancelled,
    JobFailed,
    JobRetried,
    JobSnoozed,
    JobStarted,
    JobSucceeded,
    RunnerStarted,
    RunnerStopped,
    RunnerStopping,
)
from kongflow.errors import GiveUp
from kongflow.store.records import Claimed
from tests.builders import QUICK, make_handler
from tests.engine.site import open_site
from tests.engine.waiting import PATIENCE, until

pytestmark = [pytest.mark.anyio, pytest.mark.only_on("sqlite")]


async def test_coroutines_run_on_the_loop_and_plain_functions_in_threads(tmp_path: Path) -> None:
    threads: dict[str, str] = {}

    async def on_loop(payload: Any) -> Any:
        threads["on_loop"] = threading.current_thread().name
        return payload

    def in_thread(payload: Any) -> Any:
        threads["in_thread"] = threading.current_thread().name
        return {"got": payload}

    async with open_site(tmp_path, {"on_loop": {"run": on_loop}, "in_thread": {"run": in_thread}}) as site:
        first = await site.enqueue("on_loop", {"n": 1})
        second = await site.enqueue("in_thread", {"n": 2})
        summary = await site.run_all()

        assert (await site.job(first)).result == {"n": 1}
        assert (await site.job(second)).result == {"got": {"n": 2}}
        assert (summary.exit_code, summary.succeeded, summary.failed) == (0, 2, 0)
        assert threads["on_loop"] == threading.main_thread().name
        assert threads["in_thread"].startswith("kongflow-job-")


async def test_every_end_is_written_and_told_once(tmp_path: Path) -> None:
    async def end(payload: Any) -> Any:
        match payload["how"]:
            case "snooze":
                return Snooze(3600)
            case "cancel":
                return Cancel("not needed")
            case "give up":
                raise GiveUp("no such account")
            case "error":
                raise ValueError("broken")
        return "done"

    async with open_site(tmp_path, {"end": {"run": end, "max_attempts": 2}}) as site:
        hows = ("succeed", "snooze", "cancel", "give up", "error")
        ids = {how: await site.enqueue("end", {"how": how}) for how in hows}
        summary = await site.run_all()
        jobs = {how: await site.job(ids[how]) for how in hows}

    assert (jobs["succeed"].state, jobs["succeed"].result) == (JobState.SUCCEEDED, "done")
    assert (jobs["snooze"].state, jobs["snooze"].attempt, jobs["snooze"].claims) == (JobState.SCHEDULED, 0, 1)
    assert (jobs["cancel"].reason, jobs["cancel"].detail) == (Reason.HANDLER, "not needed")
    assert (jobs["give up"].state, jobs["give up"].reason, jobs["give up"].attempt) == ("failed", "gave_up", 1)
    assert (jobs["error"].reason, jobs["error"].attempt) == (Reason.ERROR, 2)
    assert [attempt.error.message for attempt in jobs["error"].attempts if attempt.error] == ["broken", "broken"]
    told = (JobStarted, JobSucceeded, JobSnoozed, JobCancelled, JobFailed, JobRetried)
    assert [len(site.of(kind)) for kind in told] == [6, 1, 1, 1, 2, 1]
    assert (summary.exit_code, summary.failed, summary.retried, summary.later) == (1, 2, 1, 1)


async def test_the_runner_tells_how_it_starts_and_stops(tmp_path: Path) -> None:
    async def work(payload: Any) -> None: ...

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        await site.run_all()

    (started,), (stopping,), (stopped,) = site.of(RunnerStarted), site.of(RunnerStopping), site.of(RunnerStopped)
    assert (started.queues, started.concurrency, started.tasks) == (("*",), 5, 1)
    assert started.database == site.store.place
    assert stopping.why == "nothing is left to do"
    assert stopped.exit_code == 0


async def test_a_typed_payload_arrives_as_its_type_and_one_that_does_not_fit_fails_at_once(tmp_path: Path) -> None:
    @dataclass
    class Order:
        id: str

        def __post_init__(self) -> None:
            if not self.id.startswith("o"):
                raise ValueError("an order's id begins with o")

    got: list[Any] = []

    async def ship(payload: Any) -> None:
        got.append(payload)

    typed = make_handler(ship, convert=lambda payload: Order(payload["id"]))
    async with open_site(tmp_path, {"ship": {"run": typed}}) as site:
        await site.enqueue("ship", {"id": "o1"})
        bad = await site.enqueue("ship", {"id": "x"})
        await site.run_all()
        job = await site.job(bad)

    assert got == [Order("o1")]
    assert (job.state, job.reason, job.attempt) == (JobState.FAILED, Reason.INVALID_PAYLOAD, 1)
    assert "an order's id begins with o" in job.error.message


async def test_a_payload_made_invalid_by_a_new_schema_fails_at_once_and_is_not_retried(tmp_path: Path) -> None:
    ran: list[Any] = []

    async def work(payload: Any) -> None:
        ran.append(payload)

    text = {"type": "object", "properties": {"id": {"type": "string"}}}
    number = {"type": "object", "properties": {"id": {"type": "integer"}}}
    async with open_site(tmp_path, {"work": {"run": work, "payload": text}}) as site:
        added = await site.enqueue("work", {"id": "five"})
    async with open_site(tmp_path, {"work": {"run": work, "payload": number}}) as site:
        summary = await site.run_all()
        job = await site.job(added)

    assert ran == []
    assert (job.state, job.reason, summary.exit_code) == (JobState.FAILED, Reason.INVALID_PAYLOAD, 1)
    assert "$.id" in job.error.message
    assert site.of(JobFailed)[0].error == "kongflow.InvalidPayload"


async def test_a_job_added_while_the_runner_waits_starts_without_a_poll(tmp_path: Path) -> None:
    done = asyncio.Event()

    async def work(payload: Any) -> None:
        done.set()

    slow = replace(QUICK, poll_interval=3600.0)
    async with open_site(tmp_path, {"work": {"run": work}}, runner=slow) as site:
        await site.start()
        await site.enqueue("work")
        await asyncio.wait_for(done.wait(), PATIENCE)


async def test_a_scheduled_job_starts_at_its_time_not_at_the_next_poll(tmp_path: Path) -> None:
    done = asyncio.Event()

    async def work(payload: Any) -> None:
        done.set()

    slow = replace(QUICK, poll_interval=3600.0)
    async with open_site(tmp_path, {"work": {"run": work}}, runner=slow) as site:
        await site.enqueue("work", run_at=timedelta(milliseconds=100))
        await site.start()
        await asyncio.wait_for(done.wait(), PATIENCE)


async def test_the_context_says_what_the_job_is_and_adds_jobs(tmp_path: Path) -> None:
    seen: list[Any] = []

    async def parent(payload: Any, job: JobContext) -> None:
        seen.append((job.task, job.attempt, job.max_attempts, job.claims, job.key, job.tags, job.queue))
        await job.progress({"done": 1})
        child = await job.enqueue("child", {"of": job.id}, tags=["from-parent"])
        assert child.created
        assert not job.cancelled
        assert job.deadline > job.created_at

    def child(payload: Any, job: SyncJobContext) -> None:
        seen.append((job.task, job.tags))
        job.progress("half")
        if payload["of"]:
            job.enqueue("child", {"of": None})

    tasks = {"parent": {"run": parent, "queue": "mail", "max_attempts": 7}, "child": {"run": child}}
    async with open_site(tmp_path, tasks, queues={"mail": 1}) as site:
        added = await site.enqueue("parent", {}, job_key="k", tags=["a"])
        await site.run_all()
        job = await site.job(added)

    assert seen == [("parent", 1, 7, 1, "k", ("a",), "mail"), ("child", ("from-parent",)), ("child", ())]
    assert job.progress == {"done": 1}


async def test_a_run_until_idle_does_not_end_beside_a_claim_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, leased, counted = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work(payload: Any) -> None: ...

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        claim, pending = site.store.claim, site.store.pending

        async def slow(runner: int, limit: int, suspects: int) -> Claimed:
            if not asked.is_set():
                return Claimed()
            claimed = await claim(runner, limit, suspects)
            leased.set()
            await counted.wait()
            return claimed

        async def beside_the_claim(runner: int) -> Any:
            asked.set()
            await leased.wait()
            left = await pending(runner)
            asyncio.get_running_loop().call_later(0.02, counted.set)
            return left

        monkeypatch.setattr(site.store, "claim", slow)
        monkeypatch.setattr(site.store, "pending", beside_the_claim)
        await site.enqueue("work")
        summary = await site.run_all()

    assert summary.succeeded == 1


async def test_unrouted_and_blocked_jobs_are_done_before_a_run_until_idle_ends(tmp_path: Path) -> None:
    async def work(payload: Any) -> None: ...

    async with open_site(tmp_path, {"work": {"run": work, "queue": "serial"}}, queues={"serial": 1}) as site:
        for number in range(12):
            await site.enqueue("work", {"n": number})
        summary = await site.run_all()

    assert (summary.succeeded, summary.later, summary.others) == (12, 0, 0)


async def test_a_run_until_idle_says_what_waits_for_later_and_for_others(tmp_path: Path) -> None:
    async def work(payload: Any) -> None: ...

    narrow = replace(QUICK, queues=("mine",))
    tasks = {"work": {"run": work}}
    async with open_site(tmp_path, tasks, queues={"mine": 1, "theirs": 1}, runner=narrow) as site:
        await site.enqueue("work", {}, queue="mine")
        await site.enqueue("work", {}, queue="theirs")
        await site.enqueue("work", {}, queue="mine", run_at=timedelta(hours=1))
        summary = await site.run_all()

    assert (summary.exit_code, summary.succeeded, summary.later, summary.others) == (0, 1, 1, 1)


async def test_the_concurrency_is_never_exceeded_and_always_used(tmp_path: Path) -> None:
    now, most = [0], [0]

    async def work(payload: Any) -> None:
        now[0] += 1
        most[0] = max(most[0], now[0])
        await asyncio.sleep(0.01)
        now[0] -= 1

    three = replace(QUICK, concurrency=3)
    async with open_site(tmp_path, {"work": {"run": work}}, runner=three) as site:
        for _ in range(20):
            await site.enqueue("work")
        await site.run_all()

    assert most == [3]


async def test_a_runner_runs_again_after_it_has_stopped(tmp_path: Path) -> None:
    async def work(payload: Any) -> None: ...

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        await site.enqueue("work")
        await site.run_all()
        await site.enqueue("work")
        summary = await site.run_all()
        await until(lambda: len(site.of(JobSucceeded)) == 2)

    assert summary.succeeded == 1


async def test_a_job_that_comes_due_during_a_claim_does_not_wait_for_the_next_poll(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(payload: Any) -> None: ...

    never = replace(QUICK, poll_interval=3_600.0)
    async with open_site(tmp_path, {"work": {"run": work}}, runner=never) as site:
        claim, late = site.store.claim, [0]
        added: list[Job] = []

        async def slow(runner: int, limit: int, suspects: int) -> Any:
            if not added:
                added.append(await site.enqueue("work", run_at=timedelta(seconds=2)))
            claimed = await claim(runner, limit, suspects)
            if claimed.next_due is not None:
                late[0] += 1
                await asyncio.sleep(claimed.next_due + 0.01)
            return claimed

        monkeypatch.setattr(site.store, "claim", slow)
        await site.start()
        await until(lambda: bool(added))
        assert (await site.ended(added[0])).state is JobState.SUCCEEDED

    assert late[0] > 0


async def test_a_payload_that_is_no_object_reaches_no_handler(tmp_path: Path) -> None:
    ran: list[Any] = []

    async def work(payload: Any) -> None:
        ran.append(payload)

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        (added,) = await site.store.insert([NewJob("work", "[1]")])
        await site.run_all()
        job = await site.job(added.id)

    assert (ran, job.state, job.reason) == ([], JobState.FAILED, Reason.INVALID_PAYLOAD)
