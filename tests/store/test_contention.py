"""Four runners of three kinds share every kind of limit while jobs are added, cancelled and paused: all limits hold at
every moment, nothing is lost, no free slot waits for a repair, and a serial queue keeps its order.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import pytest

from kongflow.core.job import ClaimedJob
from kongflow.core.outcome import RunAgain
from kongflow.core.queue import Queue, RateLimit
from kongflow.store.base import Store
from kongflow.store.records import Settlement
from tests.store.stage import RELEASED, SUCCEEDED, Stage, info, new

pytestmark = pytest.mark.anyio

RATE = RateLimit(5, 0.3)
QUEUES = {
    "runs:*": Queue("runs:*", 1, max_active=5),
    "wide": Queue("wide", 4),
    "to:*": Queue("to:*", 2, rate_limit=RATE),
    "free": Queue("free", None),
}
RUNNERS = (
    info("a", "b", queues=QUEUES, config="one"),
    info("a", "b", queues=QUEUES, config="one"),
    info("a", queues=QUEUES, config="one"),
    info("b", queues=QUEUES, config="one", serves=("runs:*", "wide")),
)
ENDS = (SUCCEEDED, RELEASED, RunAgain(0.05))
MOST = {"wide": 4, "runs": 1, "to": 2}


@dataclass
class Floor:
    """What happens at one time: which jobs run, by what the runners were told."""

    rng: random.Random
    until: float
    running: dict[str, str | None] = field(default_factory=dict)
    added: set[str] = field(default_factory=set)
    repaired: int = 0

    @property
    def is_open(self) -> bool:
        return time.monotonic() < self.until

    def started(self, id: str, queue: str | None) -> None:
        assert id not in self.running, "two leases at once"
        self.running[id] = queue
        for name, count in Counter(queue for queue in self.running.values() if queue).items():
            assert count <= MOST.get(name.partition(":")[0], count), f"{count} of {name}"
        assert sum((queue or "").startswith("runs:") for queue in self.running.values()) <= 5


async def produce(store: Store, floor: Floor) -> None:
    rng = floor.rng
    while floor.is_open:
        jobs = []
        for _ in range(rng.randint(1, 15)):
            queue, rule = rng.choice(
                [(f"runs:{rng.randint(0, 9)}", "runs:*"), ("wide", "wide"), ("free", "free"), (None, None)]
                + [(f"to:{rng.randint(0, 3)}", "to:*")] * (rng.random() < 0.1)
            )
            delay = rng.choice([None] * 9 + [0.2])
            jobs.append(new(rng.choice("ab"), queue=queue, rule=rule, priority=rng.randint(-1, 1), delay=delay))
        added = await store.insert(jobs)
        floor.added.update(job.id for job in added)
        if rng.random() < 0.3:
            await store.cancel(added[0].id)
        if rng.random() < 0.05:
            name = rng.choice(["runs:*", "wide"])
            await store.pause(name, "", "")
            await asyncio.sleep(0.02)
            await store.resume(name)
        await asyncio.sleep(rng.random() * 0.03)


async def work(store: Store, runner: int, floor: Floor) -> None:
    handed: list[ClaimedJob] = []
    while True:
        claimed = await store.claim(runner, floor.rng.randint(1, 15), 1)
        for job in claimed.jobs:
            floor.started(job.id, job.queue)
        jobs, handed = [*claimed.jobs, *handed], []
        if not jobs:
            left = await store.pending(runner)
            if not floor.is_open and not floor.running and left.now == left.later == 0:
                return
            await asyncio.sleep(0.01)
        await asyncio.sleep(floor.rng.random() * 0.01)
        ends = [
            Settlement(job.id, job.lease, end, next_of=job.queue if floor.rng.random() < 0.7 else None)
            for job, end in zip(jobs, floor.rng.choices(ENDS, [8, 1, 1], k=len(jobs)), strict=True)
        ]
        while ends:
            for end in ends:
                floor.running.pop(end.id, None)  # before it is written: others may start from then on
            settled = await store.settle(runner, ends)
            for done in settled:
                if done.next is not None:
                    floor.started(done.next.id, done.next.queue)
                    handed.append(done.next)
            ends = [end for end, done in zip(ends, settled, strict=True) if done.later]


async def repair(store: Store, runner: int, floor: Floor) -> None:
    while floor.is_open:
        floor.repaired += await store.repair(runner, 100)
        await asyncio.sleep(0.1)


async def contend(stage: Stage, seconds: float, seed: int) -> int:
    """Return how many free slots had to be repaired."""
    stores = [stage.store, *[await stage.another() for _ in RUNNERS[1:]]]
    runners = [await store.join(runner) for store, runner in zip(stores, RUNNERS, strict=True)]
    floor = Floor(random.Random(seed), time.monotonic() + seconds)
    await asyncio.gather(
        *[produce(store, floor) for store in stores[:2]],
        *[work(store, runner, floor) for store, runner in zip(stores, runners, strict=True)],
        repair(stores[0], runners[0], floor),
    )

    assert {await stage.state(id) for id in floor.added} <= {"succeeded", "cancelled: request"}
    assert await stage.sql(f"select count(*) from {stage.table('job')}") == 0
    if stage.on_postgres:
        assert await stage.sql("select count(*) from kongflow.lane where running > 0") == 0
        window = f"interval '{RATE.per} s'"
        most = "select count(*) from kongflow.start b where b.queue = a.queue and b.at > a.at - {} and b.at <= a.at"
        assert await stage.sql(f"select coalesce(max(({most.format(window)})), 0) from kongflow.start a") <= RATE.limit
    return floor.repaired


async def test_all_limits_hold_among_runners_that_share_them(stage: Stage) -> None:
    assert await contend(stage, 2.0, seed=1) == 0


@dataclass
class Turns:
    """What is known of a serial queue: who was added, and who is done."""

    rng: random.Random
    to_come: int
    added: set[int] = field(default_factory=set)
    done: set[int] = field(default_factory=set)

    async def produce(self, store: Store) -> None:
        while self.to_come > 0:
            added = await store.insert([new(self.rng.choice("ab"), queue="one", rule="one") for _ in range(10)])
            self.added.update(int(job.id) for job in added)
            self.to_come -= len(added)
            await asyncio.sleep(self.rng.random() * 0.02)

    async def work(self, store: Store, runner: int) -> None:
        handed: list[ClaimedJob] = []
        while self.to_come > 0 or self.added - self.done:
            for job in handed or (await store.claim(runner, 3, 1)).jobs:
                assert {id for id in self.added - self.done if id < int(job.id)} == set(), "passed"
                handed = await self._run(store, runner, job)
            await asyncio.sleep(self.rng.random() * 0.003)

    async def _run(self, store: Store, runner: int, job: ClaimedJob) -> list[ClaimedJob]:
        """Run a job, and return the one that was handed on."""
        await asyncio.sleep(self.rng.random() * 0.003)
        end = SUCCEEDED if self.rng.random() < 0.8 else RELEASED
        next_of = job.queue if self.rng.random() < 0.5 else None
        if end is SUCCEEDED:
            self.done.add(int(job.id))  # before it is written: the next one may start from then on
        (settled,) = await store.settle(runner, [Settlement(job.id, job.lease, end, next_of=next_of)])
        while settled.later:
            (settled,) = await store.settle(runner, [Settlement(job.id, job.lease, end)])
        return [settled.next] if settled.next is not None else []


async def keep_order(stage: Stage, number: int, seed: int) -> None:
    kinds = [info(*tasks, queues={"one": Queue("one", 1)}, config="one") for tasks in ("ab", "ab", "a", "b")]
    stores = [stage.store, *[await stage.another() for _ in kinds[1:]]]
    runners = [await store.join(kind) for store, kind in zip(stores, kinds, strict=True)]
    turns = Turns(random.Random(seed), number)
    working = [turns.work(store, runner) for store, runner in zip(stores, runners, strict=True)]
    await asyncio.gather(turns.produce(stage.store), *working)
    assert await stage.sql(f"select count(*) from {stage.table('job')}") == 0


async def test_a_serial_queue_keeps_its_order_among_runners_that_contend_for_it(stage: Stage) -> None:
    await keep_order(stage, 50, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
async def test_a_serial_queue_keeps_its_order_for_longer(stage: Stage, seed: int) -> None:
    await keep_order(stage, 500, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
async def test_all_limits_hold_for_longer(stage: Stage, seed: int) -> None:
    assert await contend(stage, 10.0, seed) == 0
