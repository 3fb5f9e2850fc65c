"""Overview: the whole installation at one moment, the same for every dialect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kongflow.core.queue import QueueRules
from kongflow.store.records import LiveJobs, Pause, RunnerView
from kongflow.store.timetable import ScheduleView


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that people judge by; `now` is the store's clock."""

    now: datetime
    jobs: tuple[LiveJobs, ...]
    runners: tuple[RunnerView, ...]
    rules: QueueRules | None
    """Those in force; None before any runner has come."""
    pauses: tuple[Pause, ...]
    """Of queues."""
    schedules: tuple[ScheduleView, ...]
