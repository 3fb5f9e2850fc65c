"""Wire: what a runner and its child processes say to each other, one JSON object a line; nothing is ever unpickled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from kongflow import errors
from kongflow.core.attempts import AttemptError, AttemptOutcome, EndedAttempt, HandlerLog, LogLine
from kongflow.core.job import ClaimedJob, Job, JobOptions, JobState, NewJob, Reason
from kongflow.core.outcome import Cancel, Failed, Outcome, Snooze, Succeeded
from kongflow.core.task import JobKeyMode

Message = dict[str, Any]


class Say(StrEnum):
    """What a message is about, its field `say`."""

    RUN = "run"
    """To the child: run this job."""
    STOP = "stop"
    """To the child: the handler should end."""
    ANSWER = "answer"
    """To the child: what came of a question."""
    EXIT = "exit"
    """To the child: it is not needed any more."""
    BEGUN = "begun"
    """From the child: the handler is called now."""
    ASK = "ask"
    """From the child: a question to the runner."""
    LOG = "log"
    """From the child: a log record."""
    COMPLETING = "completing"
    """From the child: the job's own transaction is about to complete it, or was rolled back."""
    COMMITTED = "committed"
    """From the child: the job's own transaction has completed it."""
    ENDED = "ended"
    """From the child: how the handler ended."""


def line_of(say: Say, **values: object) -> bytes:
    """Return a message as one line."""
    return json.dumps({"say": say, **values}, default=_plain, separators=(",", ":")).encode() + b"\n"


class Lines:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield the messages that are complete now."""
        start = len(self._rest)
        self._rest += data
        end = self._rest.find(b"\n", start)
        while end >= 0:
            line = bytes(self._rest[:end])
            del self._rest[: end + 1]
            yield json.loads(line)
            end = self._rest.find(b"\n")


# --- values ----------------------------------------------------------------------------------------------------------


def claimed_job(given: Message) -> ClaimedJob:
    """Return a claimed job."""
    return ClaimedJob(**_with(given, times=("run_at", "created_at"), lists=("flags", "tags")))


def job_options(given: Message) -> JobOptions:
    """Return the options of a call."""
    options = _with(given, times=("run_at",), lists=("flags", "tags"))
    mode = options["job_key_mode"]
    return JobOptions(**{**options, "job_key_mode": None if mode is None else JobKeyMode(mode)})


def new_job(given: Message) -> NewJob:
    """Return a job to insert."""
    job = _with(given, times=("run_at",), lists=("flags", "tags"))
    return NewJob(**{**job, "job_key_mode": JobKeyMode(job["job_key_mode"])})


def job(given: Message) -> Job:
    """Return a job."""
    values = _with(given, times=("run_at", "created_at", "claimed_at", "finished_at"), lists=("flags", "tags"))
    attempts = tuple(map(_ended_attempt, values["attempts"]))
    return Job(**{**values, "state": JobState(values["state"]), "attempts": attempts})


def outcome_message(outcome: Outcome) -> Message:
    """Return what a handler's end means, as a message."""
    return {"kind": type(outcome).__name__, "value": outcome}


def outcome(given: Message) -> Outcome:
    """Return what a handler's end means."""
    kind, value = given["kind"], given["value"]
    match kind:
        case "Succeeded":
            return Succeeded(value["result"])
        case "Snooze":
            return Snooze(value["seconds"])
        case "Cancel":
            return Cancel(value["reason"])
    return Failed(
        Reason(value["reason"]),
        AttemptError(**value["error"]),
        tuple(value["error_classes"]),
        value["final"],
    )


def error_message(error: BaseException) -> Message:
    """Return an error of ours as a message; of any other, its words."""
    name = type(error).__name__
    if getattr(errors, name, None) is not type(error):
        return {"type": "KongFlowError", "text": f"{name}: {error}", "problems": ()}
    return {"type": name, "text": str(error), "problems": getattr(error, "problems", ())}


def error(given: Message) -> errors.KongFlowError:
    """Return an error of ours."""
    kind = getattr(errors, given["type"])
    more = (given["problems"],) if issubclass(kind, errors.InvalidPayload) else ()
    known: errors.KongFlowError = kind(given["text"], *more)
    return known


def _ended_attempt(given: Message) -> EndedAttempt:
    values, error, log = _with(given, times=("started_at", "ended_at")), given["error"], given["log"]
    return EndedAttempt(
        **{
            **values,
            "outcome": AttemptOutcome(values["outcome"]),
            "error": None if error is None else AttemptError(**error),
            "log": HandlerLog(tuple(LogLine(**_with(line, times=("at",))) for line in log["lines"]), log["left_out"]),
        }
    )


def _with(given: Mapping[str, Any], times: tuple[str, ...] = (), lists: tuple[str, ...] = ()) -> Message:
    """Return fields with instants and tuples as they were."""
    values = dict(given)
    for name in times:
        values[name] = None if given[name] is None else datetime.fromisoformat(given[name])
    for name in lists:
        values[name] = None if given[name] is None else tuple(given[name])
    return values


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} does not go over the wire")
