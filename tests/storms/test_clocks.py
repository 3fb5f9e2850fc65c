"""Runners whose clocks are ten minutes off, to both sides: what counts is the clock of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.catalog import DatabaseSettings
from tests.storms.arena import Arena
from tests.storms.binaries import Missing

LEASE, POLL = 2.0, 0.2
YAML = f"""\
version: 1
runner: {{concurrency: 4, poll_interval: {POLL}s, heartbeat: 500ms, lease: {LEASE}s}}
tasks:
  work: {{handler: handlers.work, max_attempts: 1, crash_limit: 3}}
  plan: {{handler: handlers.plan, max_attempts: 1, crash_limit: 3}}
"""
OFF = ("+600s", "-600s")
LATER, LONG = 3.0, 3 * LEASE
SOON = 60.0
"""Seconds; a tenth of what the clocks are off."""


def wrong_clock(offset: str) -> dict[str, str]:
    """The environment of a process whose wall clock is off; its monotonic clock is left alone."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise Missing("missing: libfaketime: install Debian's package faketime")
    return {"LD_PRELOAD": str(found[0]), "FAKETIME": offset, "DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1"}


@pytest.fixture
def arena(tmp_path: Path, fresh_database: Callable[[str], DatabaseSettings]) -> Iterator[Arena]:
    made = Arena(tmp_path, YAML, fresh_database("postgres").url)
    yield made
    made.stop()


@pytest.mark.slow
def test_clocks_that_are_ten_minutes_off_change_nothing(arena: Arena) -> None:
    early, late = [arena.start(environment=wrong_clock(offset)) for offset in OFF]
    arena.wait_for("two runners", lambda: len(arena.told("runner.started")) == 2)
    clocks = sorted(line["ts"] for line in arena.told("runner.started"))
    assert clocks[0][:15] != clocks[1][:15], "their clocks must really be off"

    arena.enqueue(work(range(4), LONG))
    arena.wait_for("4 starts", lambda: len(starts(arena)) == 4)
    planning = (4, 6, 8, 10)
    arena.enqueue({"task": "plan", "payload": {"n": n, "later": LATER}} for n in planning)
    arena.wait_until_done(12, SOON)

    assert arena.told("job.rescued") == [], "a lease is over by the clock of the database"
    started = {start["n"]: start["at"] for start in starts(arena)}
    assert all(started[n + 1] - started[n] >= LATER for n in planning), "no job starts before its time"

    # Each finds the other dead.
    arena.enqueue(work(range(12, 18), LONG))
    arena.wait_for("starts on both", lambda: len(starts(arena, range(12, 18))) == 6)
    arena.kill(early)
    arena.wait_until_done(18, SOON)
    again = arena.start(environment=wrong_clock(OFF[0]))
    arena.enqueue(work(range(18, 24), LONG))
    arena.wait_for("starts on both", lambda: len(starts(arena, range(18, 24))) == 6)
    arena.kill(late)
    arena.wait_until_done(24, SOON)
    assert {start["pid"] for start in starts(arena)} == {early.pid, late.pid, again.pid}
    assert len(arena.told("job.rescued")) >= 2, arena.logs()
    arena.judge(range(24))


def work(numbers: range, seconds: float) -> list[dict[str, Any]]:
    return [{"task": "work", "payload": {"n": n, "seconds": seconds}} for n in numbers]


def starts(arena: Arena, numbers: range = range(24)) -> list[dict[str, Any]]:
    return [start for start in arena.events("start") if start["n"] in numbers]
