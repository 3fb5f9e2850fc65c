"""One line an event, in both formats, and a handler's own lines beside it."""

from __future__ import annotations

import contextvars
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kongflow.engine.attempt_log import AttemptLog
from kongflow.engine.events import Event, Events, JobFailed, JobRef, JobRetried, JobStarted, JobSucceeded, RunnerStalled
from kongflow.engine.job_log import JobFilter, bind_job
from kongflow.engine.logs import configure_logging, log_event

JOB = JobRef("17", "startRun", "executions", 2, 13)
ALONE = JobRef("18", "sendEmail", None, 1, 25)
Logged = Callable[..., io.StringIO]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def logged() -> Iterator[Logged]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level

    def configure(format: str, stream: io.StringIO | None = None, **options: Any) -> io.StringIO:
        stream = stream or io.StringIO()
        configure_logging(format, stream, **options)
        return stream

    yield configure
    root.handlers[:], root.level = before, level


def in_a_job(call: Callable[[], None]) -> None:
    def bound() -> None:
        bind_job(JOB, AttemptLog())
        call()

    contextvars.copy_context().run(bound)


def test_json_has_one_object_an_event_with_its_facts(logged: Logged) -> None:
    stream = logged("json")

    log_event(JobSucceeded(JOB, 0.25))
    log_event(JobFailed(ALONE, 1.0, "error", 'ValueError: a "quoted"\nword'))

    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first.pop("ts").endswith("Z")
    assert ":" in first.pop("worker")
    assert first == {
        "level": "info", "event": "job.succeeded", "job": "17", "task": "startRun", "queue": "executions",
        "attempt": 2, "max_attempts": 13, "duration": 0.25, "outcome": "succeeded",
    }  # fmt: skip
    assert (second["level"], second["event"], second["reason"]) == ("error", "job.failed", "error")
    assert "queue" not in second


def test_text_has_one_line_an_event(logged: Logged) -> None:
    stream = logged("text")

    log_event(JobStarted(ALONE))
    log_event(JobRetried(JOB, 0.5, 2.718, "ValueError: two\nlines"))

    started, retried = stream.getvalue().splitlines()
    assert started.split(maxsplit=1)[1] == "INFO     job.started      job=18 task=sendEmail attempt=1/25"
    assert retried.split(maxsplit=1)[1] == (
        "WARNING  job.retried      job=17 task=startRun queue=executions attempt=2/13 duration=0.500 delay=2.718"
        ' error="ValueError: two\\nlines" outcome=retried'
    )


def test_colour_is_for_terminals_that_do_not_refuse_it(logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal, file = logged("text", Terminal()), io.StringIO()
    log_event(JobSucceeded(JOB, 0.1))
    logged("text", file)
    log_event(JobSucceeded(JOB, 0.1))
    monkeypatch.setenv("NO_COLOR", "1")
    refusing = logged("text", Terminal())
    log_event(JobSucceeded(JOB, 0.1))

    assert "\x1b[32m" in terminal.getvalue()
    assert "\x1b" not in file.getvalue()
    assert "\x1b" not in refusing.getvalue()


def test_a_handlers_own_lines_carry_its_job_in_both_formats(logged: Logged) -> None:
    stream = logged("json")
    in_a_job(lambda: logging.getLogger("shop").info("charged %s", "card"))
    line = json.loads(stream.getvalue())
    assert (line["message"], line["job"], line["task"], line["attempt"]) == ("charged card", "17", "startRun", 2)

    stream = logged("text")
    in_a_job(lambda: logging.getLogger("shop").info("charged\x00"))
    assert "charged\\u0000 job=17 task=startRun" in stream.getvalue()


def test_lines_outside_a_job_name_none(logged: Logged) -> None:
    stream = logged("json")

    logging.getLogger("shop").warning("started")

    assert "job" not in json.loads(stream.getvalue())


def test_an_exception_stays_in_its_json_line(logged: Logged) -> None:
    stream = logged("json")

    try:
        int("no")
    except ValueError:
        logging.getLogger("shop").exception("failed")

    (line,) = stream.getvalue().splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_stacks_stand_below_their_line_in_text_and_inside_it_in_json(logged: Logged) -> None:
    event = RunnerStalled(61.0, "thread MainThread:\n  File …")

    text = logged("text")
    log_event(event)
    as_json = logged("json")
    log_event(event)

    assert text.getvalue().splitlines()[1] == "thread MainThread:"
    assert json.loads(as_json.getvalue())["stacks"] == event.stacks


def test_secrets_are_masked_in_every_line(logged: Logged) -> None:
    stream = logged("text", mask=lambda line: line.replace("hunter22", "***"))

    logging.getLogger("shop").info("password hunter22")

    assert "hunter22" not in stream.getvalue()


def test_the_filter_leaves_fields_alone_that_a_record_already_has() -> None:
    record = logging.makeLogRecord({"msg": "x", "task": "mine"})

    def filter_it() -> None:
        JobFilter().filter(record)

    in_a_job(filter_it)

    assert (record.__dict__["task"], record.__dict__["job"]) == ("mine", "17")


def test_a_listener_that_fails_does_not_keep_others_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Event] = []

    def broken(event: Event) -> None:
        raise ValueError(event.name)

    Events(broken, heard.append).emit(JobStarted(JOB))

    assert heard == [JobStarted(JOB)]
    assert "a listener failed on job.started" in caplog.text
