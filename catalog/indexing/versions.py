"""Versions of jobs: which of two is the higher one. Pure."""

from __future__ import annotations

Order = tuple[bool, tuple[int, ...], bool, tuple[tuple[bool, int, str], ...], str]


def version_order(version: str) -> Order:
    """Return what versions are compared by: the precedence of semantic versions, where 10.0.0 is above 9.0.0 and
    1.0.0-beta.2 below 1.0.0-beta.10 below 1.0.0; what follows a `+` does not count. Any other text is below all of
    them.
    """
    release, _, prerelease = version.partition("+")[0].partition("-")
    numbers = release.split(".")
    if not all(_is_number(number) for number in numbers):
        return False, (), False, (), version
    identifiers = tuple(_identifier(each) for each in prerelease.split(".")) if prerelease else ()
    return True, tuple(int(number) for number in numbers), not prerelease, identifiers, ""


def _identifier(text: str) -> tuple[bool, int, str]:
    """Return what identifiers of a prerelease are compared by: numbers as such, and below texts."""
    return (False, int(text), "") if _is_number(text) else (True, 0, text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
