"""Tally: how many attempts ended how, for the summary of a run."""

from __future__ import annotations

from kongflow.core.job import JobState
from kongflow.engine.events import (
    Event,
    JobCancelled,
    JobCrashed,
    JobFailed,
    JobRefused,
    JobReleased,
    JobRescued,
    JobRetried,
    JobSucceeded,
)


class Tally:
    """A listener that counts ends."""

    def __init__(self) -> None:
        self.succeeded = 0
        self.failed = 0
        self.retried = 0
        self.cancelled = 0
        self.released = 0

    def __call__(self, event: Event) -> None:
        """Count one event."""
        match event:
            case JobSucceeded():
                self.succeeded += 1
            case JobFailed() | JobRefused() | JobRescued(outcome=JobState.FAILED):
                self.failed += 1
            case JobRetried() | JobCrashed():
                self.retried += 1
            case JobCancelled():
                self.cancelled += 1
            case JobReleased():
                self.released += 1
