"""A rolling deploy: the new slots hold from the first new runner on, the old ones again when the last has died."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.storms.arena import Arena
from tests.storms.slots import decided_slots, judge_slots, pause_all, scheduled_jobs

HEAD = """\
version: 1
runner: {concurrency: 4, poll_interval: 200ms, heartbeat: 500ms, lease: 2s}
tasks:
  tick:
    handler: handlers.tick
    max_attempts: 1
    crash_limit: 100
    payload: {type: object, properties: {n: {type: string}, ts: {type: string}, version: {type: string}}}
schedules:
"""
SLOT = 'task: tick, overlap: allow, payload: {n: "<< schedule.name >> << schedule.slot >>", version: %s}'
OLD = f"""{HEAD}\
  same: {{every: 1s, {SLOT % "old"}}}
  changed: {{every: 1s, {SLOT % "old"}}}
  gone: {{every: 1s, {SLOT % "old"}}}
"""
NEW = f"""{HEAD}\
  same: {{every: 1s, {SLOT % "new"}}}
  changed: {{every: 2s, {SLOT % "new"}}}
  came: {{every: 1s, {SLOT % "new"}}}
"""
SECOND = timedelta(seconds=1)
PATIENCE = 120.0


def wait_for_slots(arena: Arena, schedule: str, count: int) -> None:
    """Return when so many slots of a schedule were fired since the beginning."""

    def there() -> bool:
        return sum(line["schedule"] == schedule for line in arena.told("schedule.fired")) >= count

    arena.wait_for(f"{count} slots of {schedule}", there, PATIENCE)


def at(job: Any) -> datetime:
    return datetime.fromisoformat(job.payload["ts"])


@pytest.mark.slow
def test_a_rolling_deploy_takes_its_slots_along_and_back(arena: Callable[[str], Arena]) -> None:
    deployed = arena(OLD)
    (deployed.folder / "new.yaml").write_text(f"{NEW}database: {{url: '${{KONGFLOW_DATABASE_URL}}'}}\n")
    for _ in range(2):
        deployed.start()
    wait_for_slots(deployed, "gone", 3)
    new = deployed.start("-c", "new.yaml")
    wait_for_slots(deployed, "came", 4)
    deployed.kill(new)
    gone = sum(line["schedule"] == "gone" for line in deployed.told("schedule.fired"))
    wait_for_slots(deployed, "gone", gone + 3)
    deployed.on_database(pause_all)
    decided, jobs = deployed.on_database(decided_slots), deployed.on_database(scheduled_jobs)

    new_slots = [at(job) for job in jobs if job.payload["version"] == "new"]
    first, last = min(new_slots), max(new_slots)
    assert not judge_slots([each for each in decided if each.schedule == "same"], of(jobs, "same"), {"same": SECOND})
    during = [job for job in jobs if first <= at(job) <= last]
    assert {job.payload["version"] for job in during} == {"new"}
    assert {job.schedule for job in during} == {"same", "changed", "came"}
    assert all(at(job).second % 2 == 0 for job in during if job.schedule == "changed")
    for side in ([job for job in jobs if at(job) < first], [job for job in jobs if at(job) > last]):
        assert {job.payload["version"] for job in side} == {"old"}
        assert {job.schedule for job in side} == {"same", "changed", "gone"}
        seconds = sorted(at(job) for job in side if job.schedule == "changed")
        assert seconds == [seconds[0] + n * SECOND for n in range(len(seconds))]
    made = [(job.schedule, at(job)) for job in jobs]
    assert len(made) == len(set(made))


def of(jobs: list[Any], schedule: str) -> list[Any]:
    return [job for job in jobs if job.schedule == schedule]
