"""One job kills its process again and again: it alone fails, at its `crash_limit`; those beside it never notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.storms.arena import Arena

YAML = """\
version: 1
runner: {concurrency: 10}
tasks:
  work: {handler: handlers.work, max_attempts: 1}
  poison: {handler: handlers.poison, max_attempts: 1}
"""
"""The defaults: a lease of 15 s."""
PROCESSES, HEALTHY, CRASH_LIMIT = 2, 49, 3
"""CRASH_LIMIT is that of a fresh kongflow.yaml."""
SECONDS = 2.0
"""What a healthy job takes."""
PATIENCE = 240.0


@pytest.mark.slow
def test_a_crash_loop_fails_its_own_job_and_no_other(arena: Callable[[str], Arena]) -> None:
    loop = arena(YAML)
    healthy = [{"task": "work", "payload": {"n": n, "seconds": SECONDS}} for n in range(HEALTHY)]
    poison = {"task": "poison", "payload": {"n": HEALTHY}}
    loop.enqueue([*healthy[: HEALTHY // 2], poison, *healthy[HEALTHY // 2 :]])

    supervisor = loop.start("--processes", str(PROCESSES))
    loop.wait_until_done(HEALTHY + 1, PATIENCE)
    supervisor.terminate()
    assert supervisor.wait(PATIENCE) == 0, loop.logs()

    jobs = loop.jobs()
    (poisoned,) = [job for job in jobs if job["task"] == "poison"]
    assert (poisoned["state"], poisoned["reason"], poisoned["crashes"]) == ("failed", "crashed", CRASH_LIMIT)
    assert [unharmed(job) for job in jobs if job["task"] == "work"] == [("succeeded", 1)] * HEALTHY
    assert len(loop.told("process.died")) == CRASH_LIMIT
    interrupted = {job["id"] for job in jobs if job["claims"] > 1} - {poisoned["id"]}
    print(
        f"\n{CRASH_LIMIT} deaths interrupted {len(interrupted)} of {HEALTHY} healthy jobs; all succeeded at attempt 1"
    )


def unharmed(job: dict[str, Any]) -> tuple[str, int]:
    return job["state"], job["attempt"]
