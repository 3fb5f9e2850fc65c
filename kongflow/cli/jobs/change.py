"""What a command does to one job, and what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kongflow.core.job import Job
from kongflow.core.json import Json

if TYPE_CHECKING:  # only for an annotation: it loads the database's libraries
    from kongflow.app import KongFlow


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of one job."""

    outcome: str
    """What is counted, such as `asked_to_stop`."""
    line: str
    job: dict[str, Json]
    waits: Job | None = None
    """The job, where it is to start now or later: some runner must take it."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one of the commands does to a job."""

    verb: str
    act: Callable[[KongFlow, str], Awaitable[Changed]]
    live_only: bool = False
    """A filter means live jobs only: to one that has ended, this can do nothing."""
    needs_states: bool = False
    """A filter must say which states: it could mean more jobs than anybody wants."""
