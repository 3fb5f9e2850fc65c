"""Schedules under attack: runners are frozen and killed, and every slot adds its job exactly once."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.freezing import freeze
from tests.storms.arena import Arena
from tests.storms.slots import decided_slots, judge_slots, pause_all, scheduled_jobs

YAML = """\
version: 1
runner: {concurrency: 4, poll_interval: 200ms, heartbeat: 500ms, lease: 2s}
tasks:
  tick:
    handler: handlers.tick
    max_attempts: 1
    crash_limit: 100
    payload: {type: object, properties: {n: {type: string}, ts: {type: string}}}
schedules:
  seconds: {every: 1s, overlap: allow, task: tick, payload: &slot {n: "<< schedule.name >> << schedule.slot >>"}}
  minutes: {cron: "* * * * *", overlap: allow, task: tick, payload: *slot}
"""
PERIODS = {"seconds": timedelta(seconds=1), "minutes": timedelta(minutes=1)}
RUNNERS = 5
SLOTS, FROZEN_FOR = 90, 20
"""The long form: how many slots of a second the storm takes, and for how many a runner is frozen."""
SHORT_SLOTS, SHORT_FROZEN_FOR = 14, 5
"""The form that CI runs."""
PATIENCE = 180.0
LEASE = 2.0


def wait_for_slots(arena: Arena, count: int) -> None:
    """Return when so many slots of a second were fired since the beginning: they are the clock of these storms."""

    def there() -> bool:
        return sum(line["schedule"] == "seconds" for line in arena.told("schedule.fired")) >= count

    arena.wait_for(f"{count} slots", there, PATIENCE)


def storm(arena: Arena, slots: int, frozen_for: int) -> None:
    """Let one runner freeze and one die, and judge every slot."""
    frozen, killed, *_ = [arena.start() for _ in range(RUNNERS)]
    arena.wait_for("all runners", lambda: len(arena.told("runner.started")) == RUNNERS)
    wait_for_slots(arena, 2)

    freeze(frozen, arena.url)
    arena.note(event="stop", pid=frozen.pid)
    wait_for_slots(arena, 2 + frozen_for)
    frozen.send_signal(signal.SIGCONT)
    wait_for_slots(arena, 4 + frozen_for)
    arena.kill(killed)
    wait_for_slots(arena, 6 + frozen_for)
    arena.start()
    wait_for_slots(arena, slots)

    judge(arena)
    assert len(arena.alive) == RUNNERS, arena.logs()


def judge(arena: Arena) -> None:
    """Every slot has its one job, and every job its one end."""
    arena.on_database(pause_all)
    decided, jobs = arena.on_database(decided_slots), arena.on_database(scheduled_jobs)
    broken = judge_slots(decided, jobs, PERIODS)
    assert not broken, "\n".join([f"{len(broken)} broken promises:", *broken[:20], arena.logs()])
    arena.wait_until_done(len(jobs), PATIENCE)
    arena.judge([each.n for each in decided], frozen_for=LEASE / 2)  # the last renewal was some time before
    assert {line["n"] for line in arena.events("end") if line["n"].endswith(f" {line['ts']}")} == {
        each.n for each in decided
    }
    counted = {name: sum(each.schedule == name for each in decided) for name in PERIODS}
    print(f"\nslots: {counted}")


def test_every_slot_fires_exactly_once_while_runners_freeze_and_die(arena: Callable[[str], Arena]) -> None:
    storm(arena(YAML), SHORT_SLOTS, SHORT_FROZEN_FOR)


@pytest.mark.slow
def test_every_slot_fires_exactly_once_for_long(arena: Callable[[str], Arena]) -> None:
    storm(arena(YAML), SLOTS, FROZEN_FOR)
