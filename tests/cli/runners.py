"""Runners in processes of their own, and what their logs say."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import IO, Any

Show = Callable[[str], dict[str, Any]]
Enqueue = Callable[..., str]
KONGFLOW = [sys.executable, "-m", "kongflow"]
DEADLINE = 60.0


def read_until(stream: IO[str], event: str) -> dict[str, Any]:
    for line in stream:
        entry: dict[str, Any] = json.loads(line)
        if entry.get("event") == event:
            return entry
    raise AssertionError(f"the log ended without {event}")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
