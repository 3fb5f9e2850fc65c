"""Every write of an attempt is refused, without an error, where the lease is not his any more."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from kongflow.core.job import ClaimedJob
from kongflow.core.outcome import RunAgain, Transition
from kongflow.core.task import Keep
from kongflow.store.records import Settled, Settlement
from tests.store.stage import FAILED, RELEASED, RETRIED, SUCCEEDED, Stage, new

pytestmark = pytest.mark.anyio

ENDS: dict[str, Transition] = {
    "success": SUCCEEDED,
    "failure": FAILED,
    "retry": RETRIED,
    "snooze": RunAgain(5.0, gives_back=True),
    "release": RELEASED,
}


@dataclass
class Theft:
    """A job that was given to another while the first runner still believes that it is his."""

    stage: Stage
    zombie: int
    owner: int
    stale: ClaimedJob
    held: ClaimedJob


@pytest.fixture
async def theft(stage: Stage) -> Theft:
    zombie, owner = await stage.runner("work"), await stage.runner("work")
    await stage.add()
    stale = await stage.claim_one(zombie)
    await stage.lose(zombie, witness=owner)
    held = await stage.claim_one(owner)
    assert (held.id, held.lease != stale.lease) == (stale.id, True)
    return Theft(stage, zombie, owner, stale, held)


@pytest.mark.parametrize("keep", list(Keep))
@pytest.mark.parametrize("end", ENDS)
async def test_a_zombie_cannot_settle_a_rescued_job(theft: Theft, end: str, keep: Keep) -> None:
    settled = await theft.stage.end(theft.zombie, theft.stale, ENDS[end], keep)
    assert settled == Settled(theft.stale.id, ENDS[end], lost=True)
    job = await theft.stage.job(theft.held.id)
    assert (job.state, job.attempt, job.claims) == ("running", theft.held.attempt, 2)
    assert not (await theft.stage.end(theft.owner, theft.held)).lost


async def test_a_zombie_in_a_batch_leaves_the_rest_of_the_batch_alone(theft: Theft) -> None:
    stage = theft.stage
    await stage.add()
    fresh = await stage.claim_one(theft.zombie)
    batch = [Settlement(job.id, job.lease, SUCCEEDED) for job in (theft.stale, fresh, theft.stale)]
    assert [settled.lost for settled in await stage.store.settle(theft.zombie, batch)] == [True, False, True]
    assert [await stage.state(job.id) for job in (theft.held, fresh)] == ["running", "succeeded"]


async def test_the_same_job_with_a_stale_and_a_valid_lease_in_one_batch_ends_once(theft: Theft) -> None:
    batch = [Settlement(job.id, job.lease, SUCCEEDED) for job in (theft.held, theft.stale)]
    assert [settled.lost for settled in await theft.stage.store.settle(theft.owner, batch)] == [False, True]
    assert await theft.stage.state(theft.held.id) == "succeeded"


async def test_a_zombie_cannot_write_progress(theft: Theft) -> None:
    assert await theft.stage.store.progress(theft.held.id, theft.held.lease, '{"done":1}')
    assert not await theft.stage.store.progress(theft.stale.id, theft.stale.lease, '{"done":2}')
    assert (await theft.stage.job(theft.held.id)).progress == {"done": 1}


async def test_a_zombie_cannot_mark_an_overrun(theft: Theft) -> None:
    assert not await theft.stage.store.overrunning(theft.stale.id, theft.stale.lease)
    assert not (await theft.stage.job(theft.held.id)).overrunning
    assert await theft.stage.store.overrunning(theft.held.id, theft.held.lease)
    assert (await theft.stage.job(theft.held.id)).overrunning


async def test_a_zombie_cannot_complete_inside_a_transaction(theft: Theft) -> None:
    store = theft.stage.store
    with store.sync_transaction() as connection:
        assert store.settle_in(connection, Settlement(theft.stale.id, theft.stale.lease, SUCCEEDED)).lost
    assert await theft.stage.state(theft.held.id) == "running"


async def test_a_heartbeat_tells_a_zombie_which_leases_it_lost(theft: Theft) -> None:
    stage = theft.stage
    await stage.add()
    fresh = await stage.claim_one(theft.zombie)
    renewal = stage.renew(theft.zombie, [theft.stale.lease, fresh.lease])
    assert renewal.lost == {theft.stale.lease}
    assert stage.renew(theft.owner, [theft.held.lease]).lost == frozenset()


async def test_a_lease_of_another_runner_is_not_mine(theft: Theft) -> None:
    assert theft.stage.renew(theft.zombie, [theft.held.lease]).lost == {theft.held.lease}


async def test_an_attempt_settles_once(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(runner)
    assert not (await stage.end(runner, job, RETRIED)).lost
    assert (await stage.end(runner, job, SUCCEEDED)).lost
    assert await stage.state(job.id) == "retrying"


async def test_an_end_of_a_job_that_never_was_is_lost(stage: Stage) -> None:
    runner = await stage.runner("work")
    for id in ("99", "no number", ""):
        assert (await stage.store.settle(runner, [Settlement(id, 1, SUCCEEDED)]))[0].lost
        assert (await stage.store.settle(runner, [Settlement(id, 1, FAILED)]))[0].lost


async def test_verdicts_come_in_the_order_of_the_settlements(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.store.insert([new() for _ in range(4)])
    jobs = await stage.claim(runner)
    ends = (FAILED, SUCCEEDED, RETRIED, SUCCEEDED)
    batch = [Settlement(job.id, job.lease, end) for job, end in zip(jobs, ends, strict=True)]
    assert [(settled.id, settled.transition) for settled in await stage.store.settle(runner, batch)] == [
        (job.id, end) for job, end in zip(jobs, ends, strict=True)
    ]
    assert [await stage.state(job.id) for job in jobs] == ["failed: error", "succeeded", "retrying", "succeeded"]


async def test_a_renewal_names_what_the_runner_holds_and_does_not_know(stage: Stage) -> None:
    runner, other = await stage.runner("work"), await stage.runner("work")
    await stage.store.insert([new() for _ in range(3)])
    known, unknown = await stage.claim(runner, limit=2)
    await stage.claim(other)
    assert stage.renew(runner, [known.lease]).unknown == {(unknown.id, unknown.lease)}
    assert stage.renew(runner, [known.lease, unknown.lease]).unknown == frozenset()
