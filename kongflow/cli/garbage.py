"""Python's garbage collector: it rests while a command starts, and does its usual work in a runner."""

from __future__ import annotations

import atexit
import gc

_USUAL = gc.get_threshold()
_RESTING = 50_000
"""Objects that are made between two looks. What a start makes are modules, which stay: to look through them again and
again takes an eighth of it.
"""


def rest() -> None:
    """Look for garbage seldom, and at the end not at all: a command ends soon, and its memory with it."""
    gc.set_threshold(_RESTING, *_USUAL[1:])
    atexit.register(gc.freeze)


def work() -> None:
    """Look for garbage as usual, and no more among what is there by now."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
