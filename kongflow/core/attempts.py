"""Attempts: what is kept of each start of a job once it has ended: when, where, how, and what its handler logged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AttemptOutcome(StrEnum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """With an error; whether the job is tried again is another question."""
    CANCELLED = "cancelled"
    """By its handler, by request, or because a newer job has its key; `error` is what it met on its way out."""
    SNOOZED = "snoozed"
    """The handler asked to run again later; it used up no attempt."""
    RELEASED = "released"
    """It was given back: the runner stopped, or it never began. It used up no attempt."""
    CRASHED = "crashed"
    """It ended without an outcome: its runner or its child process was lost. It used up no attempt."""


@dataclass(frozen=True, slots=True)
class AttemptError:
    """What one attempt left behind when it did not succeed."""

    type: str
    """Dotted name of the exception's class, or of ours where there was none."""
    message: str
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a handler logged. `at` is UTC, by the clock of its runner's host; `level` is in lower case."""

    at: datetime
    level: str
    message: str
    """With the traceback below it where the line has one; the middle of a long one is left out."""


@dataclass(frozen=True, slots=True)
class HandlerLog:
    """The last lines that a handler logged in one attempt, and how many earlier ones there were."""

    lines: tuple[LogLine, ...] = ()
    left_out: int = 0


NO_LINES = HandlerLog()


@dataclass(frozen=True, slots=True)
class EndedAttempt:
    """One attempt that has ended. Times are aware and UTC, by the store's clock."""

    attempt: int
    """Its number when it ran; the next one has the same where this one used up none. 0: the job was refused before."""
    outcome: AttemptOutcome
    ended_at: datetime
    started_at: datetime | None = None
    """When it was claimed; None where the job was refused before its first attempt."""
    runner: str | None = None
    """`host:pid` of its runner."""
    error: AttemptError | None = None
    log: HandlerLog = NO_LINES

    @property
    def duration(self) -> float:
        """Seconds from the claim to the end."""
        return 0.0 if self.started_at is None else max((self.ended_at - self.started_at).total_seconds(), 0.0)
