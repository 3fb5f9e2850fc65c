"""Problem: one thing that is wrong with a template, before it is known where in a file the template stands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """What becomes a finding; `start` and `end` count characters of the template's text.

    `hedged`: of a template that several tasks inherit it is worth a word only where it holds for every one of them.
    """

    slug: str
    start: int
    end: int
    message: str
    help: str = ""
    hedged: bool = False
