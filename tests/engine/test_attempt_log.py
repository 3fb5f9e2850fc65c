"""What handlers log is kept with their attempt: bounded, masked, from the loop, threads and child processes alike."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.attempts import EndedAttempt, HandlerLog, LogLine
from kongflow.core.catalog import Secret
from kongflow.engine.attempt_log import MAX_LINE, MAX_LINES, MAX_LOG, AttemptLog
from kongflow.engine.context import JobContext, SyncJobContext
from kongflow.engine.job_log import keeping_lines
from tests.engine import child_handlers
from tests.engine.children import in_child
from tests.engine.site import Site, open_site

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def info_is_logged() -> Any:
    """As `kongflow run` has it."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.INFO)
    yield
    root.setLevel(before)


def record(text: str = "a line", *args: object, **fields: Any) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": text, "args": args, "levelname": "INFO", "created": time.time(), **fields})


def kept(*records: logging.LogRecord, mask: Any = str) -> HandlerLog:
    log = AttemptLog(mask)
    for each in records:
        log.add(each)
    return log.kept()


def messages(log: HandlerLog) -> list[str]:
    return [line.message for line in log.lines]


async def run_one(site: Site, task: str = "work") -> EndedAttempt:
    """Run one job and return its last attempt."""
    id = await site.enqueue(task)
    await site.run_all()
    return (await site.job(id)).attempts[-1]


def test_a_finalizer_that_logs_while_a_line_is_kept_holds_nobody_up() -> None:
    log = AttemptLog()

    class Collecting(deque[LogLine]):
        """The garbage collector may run at any moment, and a finalizer may log."""

        def append(self, line: LogLine) -> None:
            super().append(line)
            if len(self) == 1:
                log.add(record("from a finalizer"))

    log._lines = Collecting()
    logging_thread = threading.Thread(target=log.add, args=[record("a line")], daemon=True)
    logging_thread.start()
    logging_thread.join(60.0)

    assert not logging_thread.is_alive()
    assert messages(log.kept()) == ["a line", "from a finalizer"]


# --- the bounds ------------------------------------------------------------------------------------------------------


def test_of_many_lines_the_last_are_kept_and_the_others_counted() -> None:
    log = kept(*(record("line %d", number) for number in range(120)))

    assert messages(log) == [f"line {number}" for number in range(120 - MAX_LINES, 120)]
    assert log.left_out == 120 - MAX_LINES


def test_long_lines_lose_their_middle_and_earlier_lines() -> None:
    log = kept(*(record(f"begin{'x' * 10_000}end") for _ in range(10)))

    assert all(line.message.startswith("begin") and line.message.endswith("end") for line in log.lines)
    assert all(len(line.message) < MAX_LINE + 100 for line in log.lines)
    assert 0 < sum(len(line.message) for line in log.lines) <= MAX_LOG
    assert len(log.lines) + log.left_out == 10


def test_a_line_may_hold_any_text_and_hides_secrets() -> None:
    log = kept(record("a\x00b\ud800c hunter22"), mask=lambda text: text.replace("hunter22", "***"))

    assert messages(log) == ["a\\u0000b\\ud800c ***"]


def test_a_secret_is_hidden_before_a_long_line_is_cut() -> None:
    for offset in range(8):
        line = "x" * (500 - offset) + "hunter22" + "y" * 10_000
        (message,) = messages(kept(record(line), mask=lambda text: text.replace("hunter22", "***")))
        assert "hunt" not in message


def test_the_traceback_of_an_exception_stands_below_its_line() -> None:
    try:
        int("no")
    except ValueError as error:
        log = kept(record("it broke", exc_info=(ValueError, error, error.__traceback__)))

    (message,) = messages(log)
    assert message.startswith("it broke\nTraceback (most recent call last):")
    assert message.endswith("invalid literal for int() with base 10: 'no'")


def test_a_line_that_cannot_be_shown_is_counted() -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise ValueError("no")

    log = kept(record("%d", "no number"), record("%s", Unprintable()), record("fine"))

    assert (messages(log), log.left_out) == (["fine"], 2)


# --- who logs --------------------------------------------------------------------------------------------------------


async def test_the_lines_of_a_coroutine_are_kept_through_whichever_logger(tmp_path: Path) -> None:
    async def work(payload: Any, job: JobContext) -> None:
        job.logger.info("looking up %s", "Ada")
        logging.getLogger("shop").warning("slow")
        logging.getLogger("shop").debug("below the level")

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        attempt = await run_one(site)

    assert [(line.level, line.message) for line in attempt.log.lines] == [
        ("info", "looking up Ada"),
        ("warning", "slow"),
    ]
    assert attempt.outcome == "succeeded"


async def test_the_lines_of_a_thread_are_kept_and_those_of_nobody_are_not(tmp_path: Path) -> None:
    def work(payload: Any, job: SyncJobContext) -> None:
        job.logger.error("in a thread")
        raise ValueError("it broke")

    async with open_site(tmp_path, {"work": {"run": work, "max_attempts": 1}}) as site:
        logging.getLogger("shop").warning("outside")
        attempt = await run_one(site)

    assert messages(attempt.log) == ["in a thread"]
    assert attempt.error is not None
    assert attempt.error.message == "it broke"


async def test_jobs_that_run_side_by_side_keep_their_own_lines(tmp_path: Path) -> None:
    async def work(payload: Any, job: JobContext) -> None:
        job.logger.info("this is job %s", job.id)

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        ids = [await site.enqueue("work") for _ in range(5)]
        await site.run_all()
        kept_lines = [messages((await site.job(id)).attempts[0].log) for id in ids]

    assert kept_lines == [[f"this is job {id}"] for id in ids]


async def test_a_job_completed_by_its_own_transaction_keeps_the_lines_before_the_commit(tmp_path: Path) -> None:
    async def work(payload: Any, job: JobContext) -> None:
        async with job.transaction():
            job.logger.info("inside")

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        attempt = await run_one(site)

    assert (attempt.outcome, messages(attempt.log)) == ("succeeded", ["inside"])


async def test_the_lines_of_a_child_process_survive_its_death(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"work": in_child(child_handlers.logs_and_dies, crash_limit=1)}) as site:
        attempt = await run_one(site)

    assert (attempt.outcome, messages(attempt.log)) == ("crashed", ["last words"])


async def test_a_job_completed_by_a_transaction_in_a_child_keeps_its_lines(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"work": in_child(child_handlers.logs_and_completes)}) as site:
        attempt = await run_one(site)

    assert (attempt.outcome, messages(attempt.log)) == ("succeeded", ["inside"])


async def test_secrets_are_hidden_in_kept_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cr3t-value")

    async def work(payload: Any, job: JobContext) -> None:
        job.logger.info("logging in with %s", job.secrets["token"])

    async with open_site(tmp_path, {"work": {"run": work}}, secrets=(Secret("token", env="TOKEN"),)) as site:
        attempt = await run_one(site)

    assert messages(attempt.log) == ["logging in with ***"]


async def test_keeping_lines_leaves_the_programs_logging_alone(tmp_path: Path) -> None:
    async def work(payload: Any) -> None:
        logging.getLogger("shop").warning("kept")

    root, before = logging.getLogger(), logging.getLogRecordFactory()
    handlers = list(root.handlers)
    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        await site.start()
        assert root.handlers == handlers
        await site.stop()
    assert logging.getLogRecordFactory() is before


def test_a_factory_set_by_others_meanwhile_stays_and_no_line_is_kept_twice() -> None:
    before = logging.getLogRecordFactory()
    try:
        with keeping_lines():
            ours = logging.getLogRecordFactory()
            others = lambda *args, **kwargs: ours(*args, **kwargs)  # noqa: E731
            logging.setLogRecordFactory(others)
        assert logging.getLogRecordFactory() is others
        with keeping_lines(), keeping_lines():
            top = logging.getLogRecordFactory()
            assert getattr(top, "users", 0) == 2
            assert getattr(ours, "users", 1) == 0
        assert logging.getLogRecordFactory() is others
    finally:
        logging.setLogRecordFactory(before)
