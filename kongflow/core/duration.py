"""Durations and sizes as people write them: `1h30m`, `2.5s`, `256KiB`. A unit is always written."""

from __future__ import annotations

import re

from kongflow.errors import InvalidOption

_UNITS = {"w": 604_800.0, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_NUMBER = r"([0-9]{1,12}(?:\.[0-9]{1,6})?)"
_DURATION = re.compile("".join(f"(?:{_NUMBER}{unit})?" for unit in _UNITS))
_BARE_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_SIZE = re.compile(r"([0-9]{1,15})(B|KiB|MiB|GiB)")
_SIZES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

MAX_DURATION = 36_500 * 86_400.0
"""A hundred years: instants computed from it stay within what datetime and both databases hold."""


def parse_duration(text: str) -> float:
    """Return the seconds of a duration: units `w d h m s ms`, largest first, each at most once.

    Raises: InvalidOption, with what is wrong and how to write it.
    """
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise InvalidOption(_what_is_wrong(text))
    seconds = sum(
        float(number) * factor
        for number, factor in zip(match.groups(), _UNITS.values(), strict=True)
        if number is not None
    )
    if seconds > MAX_DURATION:
        raise InvalidOption(f"{text!r} is more than a hundred years")
    return seconds


def _what_is_wrong(text: str) -> str:
    if _BARE_NUMBER.fullmatch(text):
        return "a duration needs a unit"
    return f"{text[:40]!r} is not a duration; units are w d h m s ms, largest first, each once, as in 1h30m"


def format_duration(seconds: float) -> str:
    """Return the shortest text that `parse_duration` reads as these seconds, exact to the millisecond."""
    milliseconds = round(seconds * 1000)
    parts: list[str] = []
    for unit, factor in _UNITS.items():
        count, milliseconds = divmod(milliseconds, round(factor * 1000))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_size(text: str) -> int:
    """Return the bytes of a size such as `512B`, `256KiB`, `64MiB` or `2GiB`. Raises: InvalidOption."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise InvalidOption(f"{text[:40]!r} is not a size; write a whole number and B, KiB, MiB or GiB, as in 256KiB")
    return int(match[1]) * _SIZES[match[2]]


def format_size(size: int) -> str:
    """Return a number of bytes in the largest unit that divides it: 262144 is `256KiB`."""
    unit = next(unit for unit in reversed(_SIZES) if size % _SIZES[unit] == 0 and (size or unit == "B"))
    return f"{size // _SIZES[unit]}{unit}"
