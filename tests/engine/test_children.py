"""`isolation: process`: what a handler finds in a child process, and what comes back of it."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.catalog import Secret
from kongflow.core.job import JobState, Reason
from kongflow.core.retry import Backoff, RetryPolicy
from kongflow.core.task import Isolation
from kongflow.engine.job_log import JobFilter
from kongflow.errors import InvalidConfig
from tests.builders import QUICK, make_handler
from tests.engine import child_handlers, imported_by_the_runner_only, starts_a_thread
from tests.engine.children import in_child, noted
from tests.engine.site import open_site

pytestmark = [pytest.mark.anyio, pytest.mark.only_on("sqlite")]


class Heard(logging.Handler):
    """Keeps the records that reach the runner's log, with their job."""

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(JobFilter())
        self.records: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def of(self, logger: str) -> list[Any]:
        return [record for record in self.records if record.name == logger]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    handler = Heard()
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [handler])
    monkeypatch.setattr(root, "level", logging.INFO)
    return handler


async def run_one(folder: Path, run: Any, payload: Any = None, **fields: Any) -> Any:
    """Run one job in a child to its end and return it."""
    async with open_site(folder, {"work": in_child(run, **fields)}) as site:
        added = await site.enqueue("work", payload)
        await site.run_all()
        return await site.job(added)


async def test_payload_and_result_go_through_as_they_are(tmp_path: Path) -> None:
    payloads: list[Any] = [
        {},
        {"a": '\u2028\u2029 ü 🦍 \x01\x7f \\ " \n'},
        {"": [1.5, -(2**63), None, True, {"x": []}]},
        {"a": "x" * 900_000},
    ]
    async with open_site(tmp_path, {"work": in_child(child_handlers.echo)}) as site:
        added = [await site.enqueue("work", payload) for payload in payloads]
        await site.run_all()
        jobs = [await site.job(id) for id in added]

    assert [job.result for job in jobs] == payloads
    assert {(job.state, job.attempt) for job in jobs} == {(JobState.SUCCEEDED, 1)}


async def test_a_child_is_used_again_and_there_are_as_many_as_jobs_run_at_once(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"pid": in_child(child_handlers.pid)}) as site:
        jobs = [await site.enqueue("pid") for _ in range(20)]
        await site.run_all()
        pids = {(await site.job(job)).result for job in jobs}

    assert 1 <= len(pids) <= QUICK.concurrency
    assert os.getpid() not in pids


async def test_a_job_does_not_wait_for_another(tmp_path: Path) -> None:
    tasks = {"wait": in_child(child_handlers.waits_until_told), "pid": in_child(child_handlers.pid)}
    async with open_site(tmp_path, tasks) as site:
        await site.start()
        waiting = [await site.enqueue("wait", {"note": str(tmp_path / f"n{n}"), "returns": "r"}) for n in range(3)]
        pids = {await noted(tmp_path / f"n{n}") for n in range(3)}
        other = await site.ended(await site.enqueue("pid"))
        for job in waiting:
            await site.store.cancel(job)
            await site.ended(job)
        await site.stop()

    assert len(pids) == 3
    assert str(other.result) not in pids


async def test_the_job_has_its_facts_there(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"work": in_child(child_handlers.facts, timeout=60.0)}, queues={"q": 1}) as site:
        added = await site.enqueue("work", {}, queue="q", job_key="k", tags=["t"])
        await site.run_all()
        job = await site.job(added)

    result = job.result
    assert 0 < result.pop("seconds") < 120
    assert result.pop("lease") > 0
    assert result == {
        "id": added, "task": "work", "queue": "q", "attempt": 1, "max_attempts": 1, "claims": 1, "key": "k",
        "tags": ["t"], "run_at": job.run_at.isoformat(), "created_at": job.created_at.isoformat(), "cancelled": False,
    }  # fmt: skip


async def test_an_annotated_payload_arrives_as_its_type_and_one_that_does_not_fit_is_invalid(tmp_path: Path) -> None:
    handler = make_handler(child_handlers.takes_an_order)
    async with open_site(tmp_path, {"work": {**in_child(child_handlers.takes_an_order), "run": handler}}) as site:
        good = await site.enqueue("work", {"id": "o1", "amount": 3})
        bad = await site.enqueue("work", {"id": "o1"})
        await site.run_all()
        assert (await site.job(good)).result == "Order o1 of 3"
        assert (await site.job(bad)).reason == Reason.INVALID_PAYLOAD


@pytest.mark.parametrize(
    ("run", "state", "reason"),
    [
        (child_handlers.gives_up, JobState.FAILED, Reason.GAVE_UP),
        (child_handlers.snoozes, JobState.SCHEDULED, None),
        (child_handlers.cancels, JobState.CANCELLED, Reason.HANDLER),
        (child_handlers.returns_a_set, JobState.FAILED, Reason.INVALID_RESULT),
        (child_handlers.returns_much, JobState.FAILED, Reason.INVALID_RESULT),
        (child_handlers.exits_politely, JobState.FAILED, Reason.ERROR),
    ],
)
async def test_what_a_handler_says_means_the_same_there(tmp_path: Path, run: Any, state: JobState, reason: Any) -> None:
    job = await run_one(tmp_path, run)

    assert (job.state, job.reason, job.crashes) == (state, reason, 0)


async def test_a_result_is_held_against_its_schema(tmp_path: Path) -> None:
    job = await run_one(tmp_path, child_handlers.echo, {"a": 1}, result={"type": "string"})

    assert (job.state, job.reason) == (JobState.FAILED, Reason.INVALID_RESULT)


async def test_an_exception_that_cannot_be_pickled_comes_back_with_name_text_and_traceback(tmp_path: Path) -> None:
    job = await run_one(tmp_path, child_handlers.fails)

    error = job.error
    assert (job.state, job.reason) == (JobState.FAILED, Reason.ERROR)
    assert error.type == "tests.engine.child_handlers.Odder"
    assert error.message == "it broke\\u0000 \\udc80"
    assert 'raise Odder("it broke' in error.traceback
    assert "kongflow/engine" not in error.traceback


async def test_policies_know_its_base_classes(tmp_path: Path) -> None:
    policy = RetryPolicy(
        max_attempts=5, backoff=Backoff.CONSTANT, initial_delay=0, give_up_on=("tests.engine.child_handlers.Odd",)
    )

    job = await run_one(tmp_path, child_handlers.fails, retry=policy, max_attempts=5)

    assert (job.state, job.reason, job.attempt) == (JobState.FAILED, Reason.GAVE_UP, 1)


async def test_log_lines_reach_the_runners_log_with_their_job(tmp_path: Path, heard: Heard, capfd: Any) -> None:
    task = {"work": in_child(child_handlers.logs)}
    async with open_site(tmp_path, task, secrets=(Secret("token", default="tok-123456"),)) as site:
        added = await site.enqueue("work")
        await site.run_all()
        job = await site.job(added)

    (own,), (other,) = heard.of("kongflow.task.work"), heard.of("acme")
    assert own.getMessage() == "the token is tok-123456", "the formatter of the log masks it, as for any line"
    assert (own.levelno, own.job, own.task, own.attempt) == (logging.INFO, added, "work", 1)
    assert (other.getMessage(), other.order, other.levelname) == ("odd \x01 text\nin two lines", 7, "ERROR")
    assert other.exc_text.startswith("Traceback")
    assert "invalid literal" in other.exc_text
    assert job.error.message == "with ***"
    assert "tok-123456" not in job.error.traceback
    assert "to standard output" in capfd.readouterr().out


async def test_it_adds_jobs_and_reports_progress(tmp_path: Path) -> None:
    tasks = {
        "work": in_child(child_handlers.reports),
        "echo": in_child(child_handlers.echo),
        "strict": in_child(child_handlers.echo, payload={"properties": {"n": {"type": "integer"}}}),
    }
    async with open_site(tmp_path, tasks) as site:
        added = await site.enqueue("work")
        await site.run_all()
        job = await site.job(added)
        child = await site.job(job.result["added"])

    assert job.progress == {"done": 0.5}
    assert (child.payload, child.tags, child.priority, child.state) == (
        {"ü": "\u2028"}, ("a",), 3, JobState.SUCCEEDED
    )  # fmt: skip
    assert (job.result["created"], job.result["tags"]) == (True, ["a"])
    unknown, strict, nan = job.result["refused"]
    assert unknown[0] == "UnknownTask"
    assert "'echo'" in unknown[1], "with the nearest name"
    assert (strict[0], len(strict[2])) == ("InvalidPayload", 1)
    assert nan[0] == "InvalidPayload"


async def test_its_threads_may_use_the_job_and_go_on_when_it_has_ended(tmp_path: Path) -> None:
    tasks = {
        "work": in_child(child_handlers.enqueues_in_threads),
        "leave": in_child(child_handlers.leaves_a_thread),
        "echo": in_child(child_handlers.echo),
    }
    async with open_site(tmp_path, tasks) as site:
        added = await site.enqueue("work")
        left = await site.enqueue("leave")
        summary = await site.run_all()
        assert (await site.job(added)).result == 8
        assert (await site.job(left)).result == "done"

    assert summary.succeeded == 10


async def test_context_variables_are_those_of_one_job(tmp_path: Path) -> None:
    task = {"work": in_child(child_handlers.sets_a_context_variable)}
    async with open_site(tmp_path, task, runner=replace(QUICK, concurrency=1)) as site:
        jobs = [await site.enqueue("work") for _ in range(3)]
        await site.run_all()
        assert [(await site.job(job)).result for job in jobs] == ["nothing"] * 3


async def test_a_process_that_it_forks_cannot_use_the_job(tmp_path: Path, heard: Heard, capfd: Any) -> None:
    job = await run_one(tmp_path, child_handlers.forks)

    assert "was forked by a handler and cannot use its job" in job.result
    assert heard.of("acme") == []
    assert "from the fork" in capfd.readouterr().err


async def test_a_process_that_it_forks_cannot_end_the_job(tmp_path: Path) -> None:
    job = await run_one(tmp_path, child_handlers.forks_and_returns_twice)

    assert (job.state, job.result) == (JobState.SUCCEEDED, "the child")


async def test_max_jobs_per_child_replaces_a_child(tmp_path: Path) -> None:
    settings = replace(QUICK, concurrency=1, max_jobs_per_child=3)
    async with open_site(tmp_path, {"pid": in_child(child_handlers.pid)}, runner=settings) as site:
        jobs = [await site.enqueue("pid") for _ in range(7)]
        await site.run_all()
        pids = [(await site.job(job)).result for job in jobs]

    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 1]


async def test_a_coroutine_function_is_refused(tmp_path: Path) -> None:
    async def coroutine(payload: Any) -> None: ...

    with pytest.raises(InvalidConfig, match="plain functions in threads"):
        async with open_site(tmp_path, {"work": {"run": coroutine, "isolation": Isolation.PROCESS}}):
            pass


async def test_a_runner_without_such_tasks_starts_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("nobody needs one")

    monkeypatch.setattr("subprocess.Popen", refuse)
    async with open_site(tmp_path, {"work": {"run": child_handlers.echo}}) as site:
        added = await site.enqueue("work", {"a": 1})
        await site.run_all()
        assert (await site.job(added)).result == {"a": 1}


async def test_a_module_that_cannot_be_imported_there_fails_its_jobs_in_words(tmp_path: Path) -> None:
    job = await run_one(tmp_path, imported_by_the_runner_only.work)

    assert (job.state, job.reason, job.error.type) == (JobState.FAILED, Reason.ERROR, "kongflow.InvalidConfig")
    assert "tests.engine.imported_by_the_runner_only.work cannot be used in a child process" in job.error.message
    assert "only where tests run" in job.error.message


async def test_threads_that_an_import_starts_are_warned_of(tmp_path: Path, heard: Heard) -> None:
    await run_one(tmp_path, starts_a_thread.work)

    (warning,) = heard.of("kongflow")
    assert warning.levelno == logging.WARNING
    assert "has started threads (the-pool-of-a-driver)" in warning.getMessage()
