"""Random histories against a simple model: no limit broken, nothing lost, no two leases, no free slot that waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kongflow.core.catalog import DatabaseSettings
from kongflow.core.job import ClaimedJob
from kongflow.core.outcome import Finish, RunAgain, Transition
from kongflow.store.base import Store
from kongflow.store.open import open_store
from kongflow.store.records import JobFilter, Settlement
from tests.postgres import DIALECTS
from tests.store.stage import FAILED, POLL, RELEASED, RETRIED, SUCCEEDED, info, new

MINUTE = 60.0
"""Seconds. All times of the model are minutes: the real clock goes on too, by some seconds on a busy machine."""
LIMITS = {"one": 1, "two": 2}
RUNNERS = 3
HISTORIES, MANY_HISTORIES = 10, 300
"""How many CI lives through, and the long form."""
QUEUES = st.sampled_from([None, *LIMITS])
TASKS = st.sampled_from(["work", "work", "unknown"])
RUNNER = st.integers(0, RUNNERS - 1)
ENDS = st.sampled_from(
    [SUCCEEDED, FAILED, replace(RETRIED, delay=30 * MINUTE), RELEASED, RunAgain(20 * MINUTE, gives_back=True)]
)


@dataclass
class Known:
    """What the model knows of a job."""

    id: str
    task: str
    queue: str | None
    priority: int
    due: float
    holder: int | None = None
    lease: int = 0
    ended: bool = False


class Jobs(RuleBasedStateMachine):
    """Producers, runners, a clock, and a thief."""

    fresh: Callable[[], DatabaseSettings]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.store: Store = open_store(type(self).fresh(), POLL)
        self.now = 0.0
        self.jobs: dict[str, Known] = {}
        self.stale: list[tuple[int, ClaimedJob]] = []
        self.held: dict[str, ClaimedJob] = {}

    def wait(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    @initialize()
    def start(self) -> None:
        self.wait(self.store.open())
        runner = info("work", queues=LIMITS, crash_limit=1_000, time_limit=1e9)
        self.runners = [self.wait(self.store.join(runner)) for _ in range(RUNNERS)]

    def teardown(self) -> None:
        self.wait(self.store.close())
        self.loop.close()

    # --- what happens ---

    @rule(task=TASKS, queue=QUEUES, priority=st.integers(-1, 1), delay=st.sampled_from([0.0, 0.0, 30 * MINUTE]))
    def add(self, task: str, queue: str | None, priority: int, delay: float) -> None:
        (job,) = self.wait(self.store.insert([new(task, queue=queue, priority=priority, delay=delay)]))
        self.jobs[job.id] = Known(job.id, task, queue, priority, self.now + delay)

    @rule(runner=RUNNER, limit=st.integers(1, 4))
    def claim(self, runner: int, limit: int) -> None:
        expected = self.claimable()
        claimed = self.wait(self.store.claim(self.runners[runner], limit, 100)).jobs
        if len(claimed) < min(limit, self.free_jobs(expected)):
            raise AssertionError(f"claimed {[job.id for job in claimed]} of {[known.id for known in expected]}")
        self.leased(runner, claimed, expected)

    def leased(self, runner: int, claimed: Sequence[ClaimedJob], expected: list[Known]) -> None:
        for job in claimed:
            known = self.jobs[job.id]
            assert not known.ended
            assert known.holder is None, "two leases at once"
            assert known.due <= self.now, "started early"
            assert known.task == "work"
            known.holder, known.lease = runner, job.lease
            self.held[job.id] = job
        for job in claimed:
            passed = [known for known in expected if known.queue == job.queue and known.holder is None]
            assert all(known.priority >= job.priority for known in passed), "a better job of the queue still waits"

    @precondition(lambda self: self.held)
    @rule(data=st.data(), end=ENDS, takes_next=st.booleans())
    def settle(self, data: st.DataObject, end: Transition, takes_next: bool) -> None:
        job = self.held.pop(data.draw(st.sampled_from(sorted(self.held)), "job"))
        known = self.jobs[job.id]
        runner = known.holder
        assert runner is not None
        settlement = Settlement(job.id, job.lease, end, next_of=job.queue if takes_next else None)
        (settled,) = self.wait(self.store.settle(self.runners[runner], [settlement]))
        assert not settled.lost
        self.stale.append((runner, job))
        known.holder = None
        if isinstance(end, Finish):
            known.ended = True
        elif end.delay:
            known.due = self.now + end.delay
        if settled.next is not None:
            assert takes_next
            assert settled.next.queue == job.queue
            self.leased(runner, [settled.next], self.claimable())

    @rule(runner=RUNNER)
    def lose(self, runner: int) -> None:
        """A runner stops renewing; the others find it dead. Its jobs wait again, its leases are stale."""
        for step in (MINUTE, MINUTE):  # longer than a lease, and than the gap between two looks at a suspect
            self.advance(step)
            for other in range(RUNNERS):
                if other != runner:
                    self.renew(other)
            self.wait(self.store.rescue(self.runners[(runner + 1) % RUNNERS]))
        for id in [id for id, job in self.held.items() if self.jobs[id].holder == runner]:
            self.stale.append((runner, self.held.pop(id)))
            self.jobs[id].holder = None
        self.renew(runner)

    @rule(runner=RUNNER, limit=st.integers(1, 3))
    def steal(self, runner: int, limit: int) -> None:
        """Claim, be lost, and see the jobs claimed by another: the shortest way to a zombie."""
        self.claim(runner, limit)
        self.lose(runner)
        self.claim((runner + 1) % RUNNERS, limit)

    @precondition(lambda self: self.stale)
    @rule(data=st.data(), end=ENDS)
    def haunt(self, data: st.DataObject, end: Transition) -> None:
        """A zombie writes."""
        runner, job = data.draw(st.sampled_from(self.stale), "zombie")
        before = self.wait(self.store.get(job.id))
        (settled,) = self.wait(self.store.settle(self.runners[runner], [Settlement(job.id, job.lease, end)]))
        assert settled.lost
        assert self.wait(self.store.get(job.id)) == before

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        known = self.jobs[data.draw(st.sampled_from(sorted(self.jobs)), "job")]
        if known.holder is None and not known.ended:
            job = self.wait(self.store.cancel(known.id))
            assert job.state == "cancelled"
            known.ended = True

    @rule(seconds=st.sampled_from([MINUTE, 10 * MINUTE, 25 * MINUTE]))
    def pass_time(self, seconds: float) -> None:
        self.advance(seconds)
        for runner in range(RUNNERS):
            self.renew(runner)

    @rule()
    def maintain(self) -> None:
        assert self.wait(self.store.repair(self.runners[0], 100)) == 0
        assert self.wait(self.store.rescue(self.runners[0])) == []

    # --- what must hold ---

    @invariant()
    def no_queue_runs_more_than_its_limit(self) -> None:
        for queue, limit in LIMITS.items():
            assert sum(known.queue == queue and known.holder is not None for known in self.jobs.values()) <= limit

    @invariant()
    def every_job_is_there_as_the_model_knows_it(self) -> None:
        listed = {job.id: job for job in self.wait(self.store.list_jobs(JobFilter(), 1000)).items}
        assert listed.keys() == self.jobs.keys()
        for known in self.jobs.values():
            job = listed[known.id]
            assert (job.state.is_final, job.state == "running") == (known.ended, known.holder is not None)

    # --- helpers ---

    def claimable(self) -> list[Known]:
        """The jobs whose time has come."""
        return [
            known
            for known in self.jobs.values()
            if known.task == "work" and known.holder is None and not known.ended and known.due <= self.now
        ]

    def free_jobs(self, waiting: list[Known]) -> int:
        """How many of them have a free slot."""
        free = sum(known.queue is None for known in waiting)
        for queue, limit in LIMITS.items():
            running = sum(known.queue == queue and known.holder is not None for known in self.jobs.values())
            free += min(limit - running, sum(known.queue == queue for known in waiting))
        return free

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.store.advance(seconds)

    def renew(self, runner: int) -> None:
        keeper = self.store.lease_keeper(self.runners[runner])
        keeper.renew([])
        keeper.close()


def live(fresh: Callable[[], DatabaseSettings], histories: int) -> None:
    run_state_machine_as_test(
        type("Jobs", (Jobs,), {"fresh": staticmethod(fresh)}),
        settings=settings(
            max_examples=histories, stateful_step_count=25, deadline=None, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
def test_random_histories_keep_every_promise(dialect: str, fresh_database: Callable[[str], DatabaseSettings]) -> None:
    live(lambda: fresh_database(dialect), HISTORIES)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
def test_many_random_histories_keep_every_promise(
    dialect: str, fresh_database: Callable[[str], DatabaseSettings]
) -> None:
    live(lambda: fresh_database(dialect), MANY_HISTORIES)
