"""Spelling: the known name that a wrong one most likely meant."""

from __future__ import annotations

import difflib
import functools
from bisect import bisect
from collections.abc import Iterable

MAX_LENGTH = 256
"""Characters; no name is longer, and comparing takes the square of it."""
MAX_COMPARED = 40
"""Names that one is compared with, letter by letter."""

_SEPARATORS = str.maketrans(dict.fromkeys("-.:/ ", "_"))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest known name, or nothing."""
    near = nearest(name, known)
    return f"; did you mean {near!r}?" if near else ""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like `name`, or None; upper and lower case are alike."""
    if len(name) > MAX_LENGTH:
        return None
    order = _Order.of(frozenset(known))
    by_lower = {candidate.lower(): candidate for candidate in order.around(name)}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


class _Order:
    """Names in order of their beginnings, and of their ends. A misspelt name stands beside the one that it meant in one
    of the two, so that a thousand unknown names among a thousand known ones take no million comparisons.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = sorted(names)
        self._by_start = sorted((_plain(name), name) for name in names)
        self._by_end = sorted((_plain(name)[::-1], name) for name in names)

    @staticmethod
    @functools.lru_cache(maxsize=2)
    def of(names: frozenset[str]) -> _Order:
        """Return the order of names; those of one check are asked for again and again."""
        return _Order(names)

    def around(self, name: str) -> list[str]:
        """Return the names that are worth a comparison: all of a few, of many those beside it."""
        if len(self._names) <= MAX_COMPARED:
            return self._names
        plain, reach = _plain(name), MAX_COMPARED // 4
        found: set[str] = set()
        for order, key in ((self._by_start, plain), (self._by_end, plain[::-1])):
            at = bisect(order, (key, ""))
            found.update(near for _, near in order[max(0, at - reach) : at + reach])
        return sorted(found)


def _plain(name: str) -> str:
    """Return a name as it is ordered: case and separators count little."""
    return name.lower().translate(_SEPARATORS)
