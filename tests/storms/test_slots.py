"""Schedules under attack: runners are frozen and killed, and every slot adds its job exactly once."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from kongflow.core.catalog import DatabaseSettings
from tests.freezing import freeze
from tests.storms.arena import Arena
from tests.storms.cluster import clusters
from tests.storms.slots import decided_slots, judge_slots, pause_all, scheduled_jobs
from tests.storms.test_clocks import wrong_clock

pytestmark = pytest.mark.slow

SLOT = 'overlap: allow, task: tick, payload: {n: "<< schedule.name >> << schedule.slot >>"}'
YAML = f"""\
version: 1
runner: {{concurrency: 4, poll_interval: 200ms, heartbeat: 500ms, lease: 2s}}
tasks:
  tick:
    handler: handlers.tick
    max_attempts: 1
    crash_limit: 100
    payload: {{type: object, properties: {{n: {{type: string}}, ts: {{type: string}}}}}}
schedules:
  seconds: {{every: 1s, {SLOT}}}
  minutes: {{cron: "* * * * *", {SLOT}}}
"""
PERIODS = {"seconds": timedelta(seconds=1), "minutes": timedelta(minutes=1)}
RUNNERS = 5
SLOTS, FROZEN_FOR = 90, 20
"""How many slots of a second the storm takes, and for how many a runner is frozen."""
TERMINATED_SLOTS = 14
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


def judge(arena: Arena, periods: dict[str, timedelta] = PERIODS) -> None:
    """Every slot has its one job, and every job its one end."""
    arena.on_database(pause_all)
    decided, jobs = arena.on_database(decided_slots), arena.on_database(scheduled_jobs)
    broken = judge_slots(decided, jobs, periods)
    assert not broken, "\n".join([f"{len(broken)} broken promises:", *broken[:20], arena.logs()])
    arena.wait_until_done(len(jobs), PATIENCE)
    arena.judge([each.n for each in decided], frozen_for=LEASE / 2)  # the last renewal was some time before
    assert {line["n"] for line in arena.events("end") if line["n"].endswith(f" {line['ts']}")} == {
        each.n for each in decided
    }
    counted = {name: sum(each.schedule == name for each in decided) for name in periods}
    print(f"\nslots: {counted}")


def test_every_slot_fires_exactly_once_while_runners_freeze_and_die(arena: Callable[[str], Arena]) -> None:
    storm(arena(YAML), SLOTS, FROZEN_FOR)


WRONG_CLOCKS = ("+600s", "-600s")
NEAR = timedelta(seconds=60)
"""How late a job may be by the clock of the server: a tenth of what clocks are off, and a busy machine."""


def test_runners_whose_clocks_are_off_fire_by_the_clock_of_the_database(
    tmp_path: Path, fresh_database: Callable[[str], DatabaseSettings]
) -> None:
    arena = Arena(tmp_path, YAML, fresh_database("postgres").url)
    try:
        off = [arena.start(environment=wrong_clock(offset)) for offset in WRONG_CLOCKS]
        for _ in range(RUNNERS - len(off)):
            arena.start()
        arena.wait_for("all runners", lambda: len(arena.told("runner.started")) == RUNNERS)
        wait_for_slots(arena, 70)
        judge(arena)
        fired = [line["slot"] for number in range(len(off)) for line in told_by(arena, number)]
        jobs = arena.on_database(scheduled_jobs)
    finally:
        arena.stop()
    assert fired, "runners whose clocks are off fire, too"
    late = [job.created_at - datetime.fromisoformat(job.payload["ts"]) for job in jobs]
    assert all(timedelta(0) <= each < NEAR for each in late)
    print(f"\n{len(fired)} of {len(jobs)} slots by runners whose clocks are off; the latest {max(late)} late")


def told_by(arena: Arena, number: int) -> list[dict[str, Any]]:
    """Return what one runner said of the slots that it has fired."""
    lines = (arena.folder / f"runner-{number}.log").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if entry["event"] == "schedule.fired"]


TERMINATE_EVERY = 0.2


def test_connections_that_end_at_random_cost_no_slot(
    tmp_path: Path, fresh_database: Callable[[str], DatabaseSettings]
) -> None:
    arena = Arena(tmp_path, YAML, fresh_database("postgres").url)
    try:
        for _ in range(2):
            arena.start()
        wait_for_slots(arena, 2)
        with closing(psycopg.connect(arena.url, autocommit=True)) as connection:

            def terminated_long_enough() -> bool:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where datname = current_database() and pid <> pg_backend_pid() order by random() limit 2"
                )
                time.sleep(TERMINATE_EVERY)
                return len(arena.told("schedule.fired")) > TERMINATED_SLOTS

            arena.wait_for("slots", terminated_long_enough, PATIENCE)
        judge(arena)
        assert len(arena.alive) == 2
    finally:
        arena.stop()


OUTAGE = 8.0
"""Seconds that the server is away: more than the grace of the schedule whose missed slots are made up."""
CAUGHT_UP = f"{YAML}  caught_up: {{every: 1s, grace: 3s, catchup: {{window: 5m, policy: all}}, {SLOT}}}\n"


def test_slots_of_an_outage_of_the_database_are_made_up_once(tmp_path: Path) -> None:
    with clusters() as (cluster,):
        cluster.create()
        cluster.start()
        arena = Arena(tmp_path, CAUGHT_UP, cluster.url("postgres"))
        try:
            arena.start_all(3)
            for count in (5, 20):
                wait_for_slots(arena, count)
                cluster.stop("immediate")
                time.sleep(OUTAGE)
                cluster.start()
            wait_for_slots(arena, 40)
            judge(arena, {**PERIODS, "caught_up": timedelta(seconds=1)})
            decided = arena.on_database(decided_slots)
        finally:
            arena.stop()
    made_up = {each.schedule for each in decided if each.slot.backfilled}
    assert made_up == {"caught_up"}
