"""Inspection: the part of a store's contract by which `plan` looks at all jobs that have not ended, page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from kongflow.core.job import JobState, UnroutedJob

FIRST: Final = -(2**63)
"""Before the first page: no job has this id."""
MOST_JOBS: Final = 1_000
"""Jobs of one page."""
MOST_CHARACTERS: Final = 4 << 20
"""Of the payloads of one page, but for the last of them: so much memory a look takes, however large payloads are."""


class LiveJob(NamedTuple):
    """A job that has not ended, with what decides who runs it. One that waits for a retry is `scheduled`."""

    id: int
    state: JobState
    task: str
    payload: str
    queue: str | None
    flags: tuple[str, ...]
    schedule: str | None
    """The schedule that added it."""
    as_unrouted: Callable[[], UnroutedJob]
    """What a runner that routes it reads, now or after it was moved to another task."""


class Inspection(Protocol):
    """A look at one database. Nothing is locked or written, and nobody is held up: each call is a read of its own."""

    async def declared(self) -> tuple[str, str] | None:
        """Return the hash of the config in force, and what the last runner that came with it declares
        (`RunnerInfo.declared`); None before any runner has come.
        """
        ...

    async def live_jobs(self, after: int) -> Sequence[LiveJob]:
        """Return the first live jobs after an id, in the order of the ids; none where that was the end. A job that
        lives all the while is on exactly one page.
        """
        ...
