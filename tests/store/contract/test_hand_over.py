"""A serial queue goes on without a claim: the settle of one job leases the next, which a claim would have taken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from kongflow.core.job import ClaimedJob
from kongflow.core.outcome import Transition
from kongflow.core.queue import Queue, RateLimit
from kongflow.store.records import Settled, Settlement
from tests.store.stage import FAILED, RELEASED, RETRIED, SUCCEEDED, Stage, new

pytestmark = pytest.mark.anyio

SERIAL = {"mail": 1}


async def settle(stage: Stage, runner: int, job: ClaimedJob, end: Transition = SUCCEEDED) -> Settled:
    """Settle one attempt, and take the next job if it comes along."""
    (settled,) = await stage.store.settle(runner, [Settlement(job.id, job.lease, end, next_of=job.queue)])
    return settled


async def following(stage: Stage, runner: int, job: ClaimedJob, end: Transition = SUCCEEDED) -> ClaimedJob:
    """Settle one attempt and return the job that runs next, however it comes."""
    settled = await settle(stage, runner, job, end)
    return settled.next or await stage.claim_one(runner)


async def ids(stage: Stage, number: int, **fields: object) -> list[str]:
    return [job.id for job in await stage.store.insert([new(queue="mail", **fields) for _ in range(number)])]


async def test_a_slot_that_a_deploy_has_taken_away_is_not_handed_on(stage: Stage) -> None:
    names = [f"runs:{n}" for n in range(10)]
    old = await stage.runner("work", queues={"mail": 2, "runs:*": 1})
    await stage.store.insert([new(queue=queue) for queue in names])
    await stage.store.insert([new(queue="mail") for _ in range(400)])
    jobs = await stage.claim(old, limit=12)
    _, second = [job for job in jobs if job.queue == "mail"]
    await stage.runner("work", queues={"mail": 1, "runs:*": 1}, config="next")
    ends = [Settlement(job.id, job.lease, SUCCEEDED, next_of=job.queue) for job in jobs if job is not second]
    settled = await stage.store.settle(old, ends)
    assert [each.next for each in settled] == [None] * 11
    assert await stage.claim(old) == []
    assert (await following(stage, old, second)).queue == "mail"


# --- what is handed over is as if claimed ---


@pytest.mark.parametrize("end", [SUCCEEDED, FAILED, RETRIED], ids=["success", "failure", "retry"])
@pytest.mark.parametrize("queue", ["mail", "runs:1", "undeclared"])
async def test_the_next_job_comes_with_the_settle(stage: Stage, queue: str, end: Transition) -> None:
    runner = await stage.runner("work", queues={"mail": 1, "runs:*": 1})
    added = await stage.store.insert([new(queue=queue) for _ in range(3)])
    job = await stage.claim_one(runner)
    following = (await settle(stage, runner, job, end)).next
    assert following is not None
    assert following.id == added[1].id


async def test_jobs_of_several_tasks_and_flags_are_handed_over_best_first(stage: Stage) -> None:
    runner = await stage.runner("a", "b", queues={"mail": 1})
    added = await stage.store.insert(
        [new("a" if n % 2 else "b", queue="mail", flags=("f",) if n % 3 else (), priority=-n) for n in range(6)]
    )
    job: ClaimedJob | None = await stage.claim_one(runner)
    seen = []
    while job is not None:
        seen.append(job.id)
        job = (await settle(stage, runner, job)).next
    assert seen == [job.id for job in reversed(added)]


async def test_each_queue_of_a_batch_goes_on_with_its_own(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"runs:*": 1, "wide": 5})
    names = ["runs:a", "runs:b", "runs:c", "wide", None]
    await stage.store.insert([new(queue=name) for _ in range(2) for name in names])
    jobs = await stage.claim(runner)
    ends = [Settlement(job.id, job.lease, SUCCEEDED, next_of=job.queue) for job in jobs]
    following = [settled.next for settled in await stage.store.settle(runner, ends)]
    for job, other in zip(jobs, following, strict=True):
        if job.queue is not None and job.queue.startswith("runs:"):
            assert other is not None
            assert other.queue == job.queue
        else:
            assert other is None


async def test_a_serial_queue_keeps_its_order(stage: Stage) -> None:
    runner = await stage.runner("work", queues=SERIAL)
    added = await ids(stage, 5)
    job = await stage.claim_one(runner)
    seen = [job.id]
    for _ in range(4):
        job = await following(stage, runner, job)
        seen.append(job.id)
    assert seen == added
    assert (await settle(stage, runner, job)).next is None


async def test_the_next_job_is_leased_like_any_other(stage: Stage) -> None:
    runner = await stage.runner("work", queues=SERIAL, max_attempts=7)
    await ids(stage, 1)
    (wanted,) = await ids(stage, 1, key="k", priority=3, tags=("t",), payload='{"n": 1}')
    first = await stage.claim_one(runner)

    job = await following(stage, runner, first)

    assert job.lease != first.lease
    assert (job.id, job.task, job.queue, job.priority, job.payload) == (wanted, "work", "mail", 3, {"n": 1})
    assert (job.attempt, job.max_attempts, job.claims, job.crashes) == (1, 7, 1, 0)
    assert (job.key, job.flags, job.tags) == ("k", (), ("t",))
    kept = await stage.job(wanted)
    assert (kept.state, kept.attempt, kept.claims) == ("running", 1, 1)
    assert (kept.run_at, kept.created_at) == (job.run_at, job.created_at)
    assert (await stage.add(queue="mail", key="k")).created, "the key is free for producers"
    assert not (await stage.end(runner, job)).lost
    assert len((await stage.job(wanted)).attempts) == 1


async def test_its_queue_stays_full(stage: Stage) -> None:
    here, there = [await stage.runner("work", queues=SERIAL) for _ in range(2)]
    await ids(stage, 3)
    job = await stage.claim_one(here)
    job = await following(stage, here, job)
    assert await stage.claim(there) == []
    await stage.end(here, job)
    assert len(await stage.claim(there)) == 1


async def test_its_queue_stays_serial_however_many_jobs_came_meanwhile(stage: Stage) -> None:
    runner = await stage.runner("work", queues=SERIAL)
    await ids(stage, 2)
    job = await stage.claim_one(runner)
    await ids(stage, 2_100)
    await following(stage, runner, job)
    assert await stage.sql(f"select count(*) from {stage.table('job')} where state = 4") == 1


async def test_a_heartbeat_knows_its_lease(stage: Stage) -> None:
    runner = await stage.runner("work", queues=SERIAL)
    await ids(stage, 2)
    job = await following(stage, runner, await stage.claim_one(runner))
    assert stage.renew(runner, [job.lease]).lost == frozenset()
    assert stage.renew(runner).unknown == {(job.id, job.lease)}, "its answer was lost"


async def test_a_runner_that_dies_with_it_loses_no_attempt(stage: Stage) -> None:
    runner, other = [await stage.runner("work", queues=SERIAL) for _ in range(2)]
    await ids(stage, 2)
    job = await following(stage, runner, await stage.claim_one(runner))

    assert [rescued.id for rescued in await stage.lose(runner, witness=other)] == [job.id]

    kept = await stage.job(job.id)
    assert (kept.state, kept.attempt, kept.claims, kept.crashes) == ("ready", 0, 1, 1)
    again = await stage.claim_one(other)
    assert (again.id, again.attempt, again.claims) == (job.id, 1, 2)


async def test_a_stale_lease_takes_nothing(stage: Stage) -> None:
    runner, other = [await stage.runner("work", queues=SERIAL) for _ in range(2)]
    await ids(stage, 2)
    stale = await stage.claim_one(runner)
    await stage.lose(runner, witness=other)
    await stage.claim_one(other)

    settled = await settle(stage, runner, stale)

    assert (settled.lost, settled.next) == (True, None)


# --- where a claim would not take it first, a claim decides ---

Obstacle = Callable[[Stage, int, ClaimedJob], Awaitable[object]]


async def _a_better_job_of_another_queue(stage: Stage, runner: int, job: ClaimedJob) -> None:
    await stage.add(queue="other", priority=-1)


async def _a_better_job_without_a_queue(stage: Stage, runner: int, job: ClaimedJob) -> None:
    await stage.add(priority=-1)


async def _a_better_job_whose_time_has_come(stage: Stage, runner: int, job: ClaimedJob) -> None:
    await stage.add(priority=-1, delay=1.0)
    stage.advance(2)


async def _a_pause(stage: Stage, runner: int, job: ClaimedJob) -> None:
    await stage.store.pause("mail", "", "")


OBSTACLES: tuple[Obstacle, ...] = (
    _a_better_job_of_another_queue,
    _a_better_job_without_a_queue,
    _a_better_job_whose_time_has_come,
    _a_pause,
)


@pytest.mark.parametrize("obstacle", OBSTACLES, ids=lambda obstacle: obstacle.__name__.strip("_"))
async def test_an_obstacle_hands_nothing_over(stage: Stage, obstacle: Obstacle) -> None:
    runner = await stage.runner("work", queues=SERIAL | {"other": 1})
    await ids(stage, 3)
    job = await stage.claim_one(runner)
    await obstacle(stage, runner, job)
    assert (await settle(stage, runner, job)).next is None


async def test_who_asks_for_nothing_gets_nothing(stage: Stage) -> None:
    runner = await stage.runner("work", queues=SERIAL)
    await ids(stage, 2)
    assert (await stage.end(runner, await stage.claim_one(runner))).next is None


async def test_a_job_that_comes_back_at_once_goes_first(stage: Stage) -> None:
    runner = await stage.runner("work", queues=SERIAL)
    await ids(stage, 2)
    job = await stage.claim_one(runner)
    assert (await following(stage, runner, job, RELEASED)).id == job.id


async def test_a_better_job_of_the_queue_that_came_meanwhile_goes_first(stage: Stage) -> None:
    runner = await stage.runner("work", queues=SERIAL)
    await ids(stage, 2)
    job = await stage.claim_one(runner)
    (better,) = await ids(stage, 1, priority=-1)
    assert (await following(stage, runner, job)).id == better


@pytest.mark.parametrize(
    "queue",
    [Queue("mail", 2), Queue("mail", 1, rate_limit=RateLimit(100, 60.0))],
    ids=["several at a time", "a rate"],
)
async def test_only_a_serial_queue_without_a_rate_hands_over(stage: Stage, queue: Queue) -> None:
    runner = await stage.runner("work", queues={"mail": queue})
    await ids(stage, 5)
    job, *_ = await stage.claim(runner)
    assert (await settle(stage, runner, job)).next is None


async def test_a_pattern_that_its_queues_share_decides_which_of_them_is_next(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"runs:*": Queue("runs:*", 1, max_active=1)})
    await stage.store.insert([new(queue=f"runs:{name}", rule="runs:*", priority=name == "a") for name in "aabb"])
    job = await stage.claim_one(runner)
    assert job.queue == "runs:b"
    assert (await settle(stage, runner, job)).next is None
    assert (await stage.claim_one(runner)).queue == "runs:b"


async def test_a_lowered_limit_is_kept(stage: Stage) -> None:
    two = await stage.runner("work", queues={"mail": 2}, config="two")
    await ids(stage, 4)
    first, second = await stage.claim(two)
    one = await stage.runner("work", queues=SERIAL, config="one")
    await stage.store.leave(two)

    assert (await settle(stage, one, first)).next is None
    assert await stage.claim(one) == []
    assert await following(stage, one, second)


@pytest.mark.parametrize(
    "differs", [{"serves": ("other",)}, {"forbids": ("gpu",)}, {"task": "else"}], ids=["queue", "flag", "task"]
)
async def test_a_job_for_other_runners_is_left_to_them(stage: Stage, differs: dict[str, object]) -> None:
    fields = {name: value for name, value in differs.items() if name != "task"}
    ours = await stage.runner(str(differs.get("task", "work")), queues=SERIAL, config="same", **fields)
    theirs = await stage.runner("work", "else", queues=SERIAL, config="same")
    await ids(stage, 2, flags=("gpu",))
    job = await stage.claim_one(theirs)
    assert (await settle(stage, ours, job)).next is None
    assert await stage.claim(ours) == []
    assert len(await stage.claim(theirs)) == 1


async def test_a_job_that_has_crashed_comes_by_a_claim_which_counts_suspects(stage: Stage) -> None:
    runner, other = [await stage.runner("work", queues=SERIAL, crash_limit=2) for _ in range(2)]
    (crashed,) = await ids(stage, 1)
    await stage.claim_one(runner)
    await stage.lose(runner, witness=other)
    await stage.add(queue="mail", priority=-1)
    job = await stage.claim_one(other)
    assert (await settle(stage, other, job)).next is None
    assert await stage.claim_ids(other) == [crashed]


async def test_a_superseded_job_gives_way(stage: Stage) -> None:
    runner = await stage.runner("work", queues=SERIAL)
    old = await stage.add(queue="mail", key="k")
    held = await stage.claim_one(runner)
    newer = await stage.add(queue="mail", key="k")
    await stage.end(runner, held, RELEASED)
    await stage.add(queue="mail", priority=-1)
    job = await stage.claim_one(runner)
    following_id = (await following(stage, runner, job)).id
    assert following_id == newer.id
    assert await stage.state(old.id) == "cancelled: superseded"
