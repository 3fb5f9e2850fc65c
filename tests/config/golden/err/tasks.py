"""Handlers that the golden files name; they are read, not imported, except with `--import`."""

from __future__ import annotations

from functools import partial

LIMIT = 5


async def greet(payload: dict[str, object]) -> str:
    return f"Hello, {payload['name']}"


def count(payload: dict[str, object], job: object) -> None:
    """A plain function: it runs in a thread."""


def nothing() -> None:
    """Takes nothing, so it is no handler."""


def three(payload: object, job: object, more: object) -> None:
    """Wants more than a handler is given."""


made_at_run_time = partial(count, job=None)
