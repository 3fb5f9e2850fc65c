"""Stopping: that a runner should end, why, with which exit code, and whether it may still wait for its jobs."""

from __future__ import annotations

import asyncio


class Stopping:
    """Set once and read by the runner. Everything here happens on the event loop."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.hurried = asyncio.Event()
        """Set where nobody waits for the jobs that run: they are given back at once."""
        self.why = ""
        self.exit_code = 0

    def request(self, why: str, exit_code: int = 0) -> None:
        """End after a drain. The first reason stays; the worst exit code counts."""
        self.why = self.why or why
        self.exit_code = max(self.exit_code, exit_code)
        self.requested.set()

    def hurry(self, why: str) -> None:
        """End without a drain."""
        self.request(why)
        self.hurried.set()
