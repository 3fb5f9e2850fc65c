"""Suspects: runners that were seen expired once. One look is not enough to call somebody dead."""

from __future__ import annotations

from dataclasses import dataclass, field

SHORTEST_GAP = 500
"""Milliseconds between the two looks that must see a runner expired, at least."""


@dataclass(slots=True)
class Suspects:
    """Runners that were seen expired once: what was seen, and when."""

    gap: int
    """Milliseconds between two looks: one poll, at least SHORTEST_GAP."""
    _seen: dict[int, tuple[object, int]] = field(default_factory=dict)

    def confirmed(self, runner: int, seen: object, now: int) -> bool:
        """Say whether a runner is dead: an earlier look, long enough ago, saw the same expired value."""
        known = self._seen.get(runner)
        if known is None or known[0] != seen:
            self._seen[runner] = seen, now
            return False
        return now - known[1] >= self.gap

    def keep_only(self, runners: set[int]) -> None:
        """Forget runners that are not expired any more."""
        for runner in self._seen.keys() - runners:
            del self._seen[runner]
