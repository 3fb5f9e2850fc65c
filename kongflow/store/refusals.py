"""Refusals: jobs that the database does not move. Each is left alone for a while; a look meets only so many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kongflow.errors import StoreRefused

MOST = 20
"""Refusals in one look at the jobs of one lost runner, or at unrouted ones; the rest is left for the next one."""
FIRST_REST, LONGEST_REST = 30_000, 600_000
"""Milliseconds for which a job is left alone; twice as long each time."""
SHORT_REST = 2_000
"""As FIRST_REST, for a job that something has locked: so nobody waits longer for its end than it has taken so far."""

PUT_OFF = 30.0
"""Seconds by which a job is put off that the database does not let be claimed."""
TRIED = (20, 2_000)
"""How many jobs are tried alone after a claim was refused, and how many where none of these is to blame. More than it
would have leased: whether others can be changed decides what becomes of one that cannot.
"""


def nothing_is_claimed(error: StoreRefused, stuck: Sequence[tuple[int, str]]) -> StoreRefused:
    """Return the error for a refused claim, after a look for what is to blame: jobs that could not be got out of the
    way, each with the reason.
    """
    if not stuck:
        return error
    named = "; ".join(f"job {job} ({why})" for job, why in stuck[:3])
    more = f"; and {len(stuck) - 3} more" if len(stuck) > 3 else ""
    return StoreRefused(
        f"nothing can be claimed, because the database lets nobody change {named}{more}. Mend what refuses it, or "
        "delete the job"
    )


@dataclass(slots=True)
class Refusals:
    """What one process knows of jobs that it did not rescue, or not route."""

    _now: int = 0
    _left: int = MOST
    _rests: dict[int, tuple[int, int, str]] = field(default_factory=dict)
    """For how long each job is left alone, until when, and why."""

    def look(self, now: int) -> None:
        """Begin a look at `now`, in milliseconds; each lost runner has its own, and uses up no other's tries."""
        self._now, self._left = now, MOST
        self._rests = {job: rest for job, rest in self._rests.items() if now < rest[1] + LONGEST_REST}

    @property
    def are_enough(self) -> bool:
        """True where this look should try no more."""
        return self._left <= 0

    def rests(self, job: int) -> bool:
        """Say whether a job is left alone in this look."""
        return self.why(job) is not None

    def why(self, job: int) -> str | None:
        """Say why a job is left alone in this look; None where it is not."""
        rest = self._rests.get(job)
        return None if rest is None or self._now >= rest[1] else rest[2]

    def add(self, job: int, why: str) -> None:
        """Note that a job was not moved, because the database refuses it."""
        self._rest(job, FIRST_REST, why)
        self._left -= 1

    def add_busy(self, job: int, why: str, now: int) -> None:
        """Note at `now`, for the look has waited, that a job was not moved because somebody was in the way: that is no
        refusal, and may be over soon.
        """
        self._now = now
        self._rest(job, SHORT_REST, why)

    def _rest(self, job: int, first: int, why: str) -> None:
        rest = min(2 * self._rests[job][0], LONGEST_REST) if job in self._rests else first
        self._rests[job] = rest, self._now + rest, why
