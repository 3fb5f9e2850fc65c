"""Refusals: lost jobs that the database did not move. Each is left alone for a while; a look meets only so many."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST = 20
"""Refusals in one look; the rest of the lost jobs is left for the next one."""
FIRST_REST, LONGEST_REST = 30_000, 600_000
"""Milliseconds for which a job is left alone; twice as long each time."""


@dataclass(slots=True)
class Refusals:
    """What one process knows of them."""

    _now: int = 0
    _left: int = MOST
    _rests: dict[int, tuple[int, int]] = field(default_factory=dict)
    """For how long each job is left alone, and until when."""

    def look(self, now: int) -> None:
        """Begin a look at `now`, in milliseconds."""
        self._now, self._left = now, MOST
        self._rests = {job: rest for job, rest in self._rests.items() if now < rest[1] + LONGEST_REST}

    @property
    def are_enough(self) -> bool:
        """True where this look should try no more."""
        return self._left <= 0

    def rests(self, job: int) -> bool:
        """Say whether a job is left alone in this look."""
        return job in self._rests and self._now < self._rests[job][1]

    def add(self, job: int) -> None:
        """Note that a job was not moved."""
        rest = min(2 * self._rests[job][0], LONGEST_REST) if job in self._rests else FIRST_REST
        self._rests[job] = rest, self._now + rest
        self._left -= 1
