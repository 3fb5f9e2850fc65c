"""Schedules whose jobs outlast their period, fail and are retried, while runners freeze and die: one at a time."""

from __future__ import annotations

import signal
from collections import defaultdict
from collections.abc import Callable, Sequence

import pytest

from kongflow.core.schedule import SlotOutcome
from tests.freezing import freeze
from tests.storms.arena import Arena
from tests.storms.oracle import Attempt
from tests.storms.slots import decided_slots, pause_all, scheduled_jobs

LEASE = 2.0
SLOT = 'every: 1s, task: stumble, payload: {n: "<< schedule.name >> << schedule.slot >>"}'
YAML = f"""\
version: 1
runner: {{concurrency: 4, poll_interval: 200ms, heartbeat: 500ms, lease: {LEASE}s}}
retry_policies: {{default: {{max_attempts: 3, backoff: constant, initial_delay: 600ms, jitter: 0}}}}
tasks:
  stumble:
    handler: handlers.stumble
    crash_limit: 100
    payload: {{type: object, properties: {{n: {{type: string}}, ts: {{type: string}}}}}}
schedules:
  skip: {{overlap: skip, {SLOT}}}
  queue: {{overlap: queue, {SLOT}}}
  cancel_running: {{overlap: cancel_running, {SLOT}}}
"""
RUNNERS = 3
SLOTS, FROZEN_FOR = 60, 15
PATIENCE = 180.0


def wait_for_slots(arena: Arena, count: int) -> None:
    """Return when so many slots of `skip` were decided about since the beginning."""

    def there() -> bool:
        told = [line for event in ("schedule.fired", "schedule.skipped") for line in arena.told(event)]
        return sum(line["schedule"] == "skip" for line in told) >= count

    arena.wait_for(f"{count} slots", there, PATIENCE)


def side_by_side(attempts: Sequence[Attempt]) -> list[str]:
    """Return every attempt that started before one of another job of its schedule was over."""
    of_schedule: dict[str, list[Attempt]] = defaultdict(list)
    broken = []
    for attempt in attempts:
        beside = of_schedule[str(attempt.n).partition(" ")[0]]
        broken += [
            f"{attempt} started {earlier.over - attempt.start:.3f} s before {earlier} was over"
            for earlier in beside
            if earlier.job != attempt.job and attempt.start < earlier.over
        ]
        beside.append(attempt)
    return broken


def storm(arena: Arena, slots: int, frozen_for: int) -> None:
    frozen, killed, *_ = [arena.start() for _ in range(RUNNERS)]
    arena.wait_for("all runners", lambda: len(arena.told("runner.started")) == RUNNERS)
    wait_for_slots(arena, 3)
    freeze(frozen, arena.url)
    arena.note(event="stop", pid=frozen.pid)
    wait_for_slots(arena, 3 + frozen_for)
    frozen.send_signal(signal.SIGCONT)
    wait_for_slots(arena, 5 + frozen_for)
    arena.kill(killed)
    arena.start()
    wait_for_slots(arena, slots)
    arena.on_database(pause_all)
    arena.wait_for(
        "the end of all", lambda: all(job.state.is_final for job in arena.on_database(scheduled_jobs)), PATIENCE
    )

    decided, jobs = arena.on_database(decided_slots), arena.on_database(scheduled_jobs)
    broken = side_by_side(arena.attempts(LEASE / 2))  # the last renewal was some time before
    assert not broken, "\n".join([f"{len(broken)} broken promises:", *broken[:20], arena.logs()])
    added = {each.job: each.n for each in decided if each.outcome is SlotOutcome.ADDED}
    assert {job.id: job.payload["n"] for job in jobs} == added
    assert len(added) == len(set(added.values()))
    assert {each.outcome for each in decided} == {SlotOutcome.ADDED, SlotOutcome.SKIPPED}
    assert {str(each).partition(" ")[0] for each in added.values()} == {"skip", "queue", "cancel_running"}
    assert any(attempt.attempt > 1 for attempt in arena.attempts()), "retries took part"


@pytest.mark.slow
def test_jobs_of_a_schedule_never_run_side_by_side(arena: Callable[[str], Arena]) -> None:
    storm(arena(YAML), SLOTS, FROZEN_FOR)
