"""Runners that are gone: when they are called dead, and what becomes of their jobs."""

from __future__ import annotations

import pytest

from kongflow.core.outcome import Finish, RunAgain
from kongflow.core.task import Keep
from kongflow.store.refusals import FIRST_REST, MOST
from tests.store.stage import LEASE, POLL, RELEASED, RETRIED, Stage, new

pytestmark = pytest.mark.anyio


async def test_a_crash_gives_the_attempt_back_and_is_counted(stage: Stage) -> None:
    dead, alive = await stage.runner("work", pid=7), await stage.runner("work")
    job = await stage.add(queue="mail")
    await stage.claim(dead)
    (rescued,) = await stage.lose(dead, witness=alive)
    assert (rescued.id, rescued.task, rescued.queue, rescued.runner) == (job.id, "work", "mail", "here:7")
    assert isinstance(rescued.transition, RunAgain)
    waiting = await stage.job(job.id)
    assert (waiting.state, waiting.attempt, waiting.crashes) == ("ready", 0, 1)
    assert waiting.error is not None
    assert waiting.error.type == "kongflow.Crashed"
    again = await stage.claim_one(alive)
    assert (again.attempt, again.claims, again.crashes) == (1, 2, 1)


async def test_one_look_is_not_enough(stage: Stage) -> None:
    dead, alive = await stage.runner("work"), await stage.runner("work")
    await stage.add()
    await stage.claim(dead)
    stage.advance(LEASE + 1)
    stage.renew(alive)
    assert await stage.store.rescue(alive) == []
    assert await stage.store.rescue(alive) == []
    stage.advance(POLL / 2)
    assert await stage.store.rescue(alive) == []
    stage.advance(POLL / 2 + 0.1)
    assert len(await stage.store.rescue(alive)) == 1


async def test_a_renewal_between_two_looks_saves_a_runner(stage: Stage) -> None:
    slow, alive = await stage.runner("work"), await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(slow)
    for _ in range(5):
        stage.advance(LEASE + 1)
        stage.renew(alive)
        assert await stage.store.rescue(alive) == []
        stage.renew(slow, [job.lease])
        stage.advance(POLL + 1)
        assert await stage.store.rescue(alive) == []
    assert not (await stage.end(slow, job)).lost


async def test_two_looks_that_saw_different_renewals_are_not_enough(stage: Stage) -> None:
    slow, alive = await stage.runner("work"), await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(slow)
    for _ in range(3):
        stage.advance(LEASE + 1)
        stage.renew(alive)
        assert await stage.store.rescue(alive) == []
        stage.renew(slow)
    assert not (await stage.end(slow, job)).lost


async def test_a_runner_that_renews_is_never_dead_however_long_its_jobs_run(stage: Stage) -> None:
    busy, alive = await stage.runner("work"), await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(busy)
    for _ in range(100):
        stage.advance(10.0)
        stage.renew(busy)
        stage.renew(alive)
        assert await stage.store.rescue(alive) == []
    assert not (await stage.end(busy, job)).lost


async def test_the_crash_limit_fails_the_job(stage: Stage) -> None:
    alive = await stage.runner("work", crash_limit=2)
    job = await stage.add()
    for end in ("ready", "failed: crashed"):
        dead = await stage.runner("work", crash_limit=2)
        await stage.claim(dead)
        (rescued,) = await stage.lose(dead, witness=alive)
        assert await stage.state(job.id) == end
    assert isinstance(rescued.transition, Finish)
    ended = await stage.job(job.id)
    assert (ended.crashes, [attempt.outcome for attempt in ended.attempts]) == (2, ["crashed"] * 2)
    assert (ended.attempt, ended.claims) == (0, 2)


async def test_an_attempt_that_ends_with_an_outcome_clears_the_record_and_a_release_does_not(stage: Stage) -> None:
    alive = await stage.runner("work")
    job = await stage.add()
    dead = await stage.runner("work")
    await stage.claim(dead)
    await stage.lose(dead, witness=alive)
    await stage.end(alive, await stage.claim_one(alive), RELEASED)
    assert (await stage.job(job.id)).crashes == 1
    await stage.end(alive, await stage.claim_one(alive), RETRIED)
    assert (await stage.job(job.id)).crashes == 0


async def test_an_attempt_lost_past_its_time_limit_is_a_timeout_and_no_crash(stage: Stage) -> None:
    alive = await stage.runner("work")
    dead = await stage.runner("work", time_limit=5.0)
    job = await stage.add()
    lease = (await stage.claim_one(dead)).lease
    stage.advance(6.0)
    stage.renew(dead, [lease])
    await stage.lose(dead, witness=alive)
    waiting = await stage.job(job.id)
    assert (waiting.state, waiting.attempt, waiting.crashes) == ("retrying", 1, 0)
    assert waiting.error is not None
    assert waiting.error.type == "kongflow.TimedOut"
    assert await stage.next_due(alive) == pytest.approx(60.0, abs=20.0)


async def test_an_attempt_whose_runner_died_within_its_time_limit_is_a_crash_however_late_it_is_found(
    stage: Stage,
) -> None:
    alive = await stage.runner("nothing")
    dead = await stage.runner("work", time_limit=5.0, max_attempts=1)
    job = await stage.add()
    await stage.claim(dead)
    stage.advance(500.0)
    stage.renew(alive)
    await stage.lose(dead, witness=alive)
    found = await stage.job(job.id)
    assert (found.state, found.attempt, found.crashes) == ("ready", 0, 1)


@pytest.mark.parametrize("terms", [{"max_attempts": 1}, {"retry_on": ("ValueError",)}], ids=["last", "not retried"])
async def test_a_lost_attempt_past_its_time_limit_that_is_not_retried_fails(
    stage: Stage, terms: dict[str, object]
) -> None:
    alive = await stage.runner("nothing")
    dead = await stage.runner("work", time_limit=5.0, **terms)
    job = await stage.add()
    lease = (await stage.claim_one(dead)).lease
    stage.advance(6.0)
    stage.renew(dead, [lease])
    await stage.lose(dead, witness=alive)
    assert await stage.state(job.id) == "failed: timed_out"


async def test_any_runner_can_rescue_a_task_that_it_does_not_know(stage: Stage) -> None:
    stranger = await stage.runner("other")
    dead = await stage.runner("work", crash_limit=1, keep=Keep.NONE)
    job = await stage.add()
    await stage.claim(dead)
    await stage.lose(dead, witness=stranger)
    assert await stage.state(job.id) == "gone"


async def test_all_jobs_of_a_dead_runner_are_rescued_and_those_of_others_are_not(stage: Stage) -> None:
    dead, alive = await stage.runner("work"), await stage.runner("work")
    await stage.store.insert([new() for _ in range(10)])
    lost, held = await stage.claim(dead, limit=6), await stage.claim(alive)
    rescued = await stage.lose(dead, witness=alive)
    assert [job.id for job in rescued] == [job.id for job in lost]
    assert stage.renew(alive, [job.lease for job in held]).lost == frozenset()


async def test_jobs_that_a_runner_still_held_when_it_left_count_as_crashed(stage: Stage) -> None:
    gone, alive = await stage.runner("work"), await stage.runner("work")
    job = await stage.add()
    await stage.claim(gone)
    await stage.store.leave(gone)
    assert len(await stage.store.rescue(alive)) == 1
    assert (await stage.job(job.id)).crashes == 1


async def test_a_runner_that_was_called_dead_comes_back_with_its_next_renewal(stage: Stage) -> None:
    zombie, alive = await stage.runner("work"), await stage.runner("work")
    await stage.lose(zombie, witness=alive)
    assert [view.alive for view in await stage.store.runners()] == [False, True]
    stage.renew(zombie)
    assert [view.alive for view in await stage.store.runners()] == [True, True]


async def test_a_runner_that_claims_is_alive(stage: Stage) -> None:
    zombie, alive = await stage.runner("work"), await stage.runner("work")
    await stage.lose(zombie, witness=alive)
    await stage.add()
    job = await stage.claim_one(zombie)
    assert await stage.store.rescue(alive) == []
    assert not (await stage.end(zombie, job)).lost


async def test_a_runner_that_has_left_claims_nothing(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    await stage.store.leave(runner)
    assert await stage.claim(runner) == []


async def test_at_most_so_many_suspects_are_claimed_at_a_time(stage: Stage) -> None:
    alive = await stage.runner("work", crash_limit=2)
    await stage.store.insert([new() for _ in range(3)])
    dead = await stage.runner("work", crash_limit=2)
    await stage.claim(dead)
    await stage.lose(dead, witness=alive)
    plain = await stage.add(priority=5)
    assert [job.id for job in await stage.claim(alive, suspects=0)] == [plain.id]
    (suspect,) = await stage.claim(alive, suspects=1)
    assert suspect.crashes == 1
    assert len(await stage.claim(alive, suspects=5)) == 2


async def test_a_crash_that_does_not_bring_a_job_to_its_limit_makes_it_no_suspect(stage: Stage) -> None:
    alive, dead = await stage.runner("work", crash_limit=3), await stage.runner("work", crash_limit=3)
    await stage.add()
    await stage.claim(dead)
    await stage.lose(dead, witness=alive)
    assert len(await stage.claim(alive, suspects=0)) == 1


async def test_a_suspect_keeps_its_place_in_its_queue(stage: Stage) -> None:
    queues = {"mail": 1}
    alive = await stage.runner("work", crash_limit=2, queues=queues)
    await stage.store.insert([new(queue="mail") for _ in range(2)])
    dead = await stage.runner("work", crash_limit=2, queues=queues)
    lost = await stage.claim_one(dead)
    await stage.lose(dead, witness=alive)
    assert await stage.claim(alive, suspects=0) == []
    assert [job.id for job in await stage.claim(alive, suspects=1)] == [lost.id]


async def test_what_a_runner_claims_now_is_not_lost_for_what_it_missed_before(stage: Stage) -> None:
    late, alive = await stage.runner("work"), await stage.runner("nothing")
    await stage.add()
    stage.advance(LEASE + 1)
    stage.renew(alive)
    assert await stage.store.rescue(alive) == []
    stage.advance(POLL)
    job = await stage.claim_one(late)
    assert await stage.store.rescue(alive) == []
    assert not (await stage.end(late, job)).lost


async def test_a_lost_job_that_the_database_cannot_move_is_left_and_named_and_all_others_are_rescued(
    stage: Stage,
) -> None:
    alive = await stage.runner("nothing")
    one, jobs = await stage.runner("work", crash_limit=1), [await stage.add() for _ in range(5)]
    await stage.claim(one)
    two, others = await stage.runner("work", crash_limit=1), [await stage.add() for _ in range(5)]
    await stage.claim(two)
    await stage.damage(jobs[2].id)
    rescued = await stage.lose(one, two, witness=alive)
    assert {job.id for job in rescued if job.refused is None} == {job.id for job in (*jobs, *others)} - {jobs[2].id}
    assert [(job.id, "damaged" in job.refused) for job in rescued if job.refused] == [(jobs[2].id, True)]
    assert await stage.state(jobs[2].id) == "running"
    assert await stage.store.rescue(alive) == []
    stage.advance(FIRST_REST / 1000)
    stage.renew(alive)
    assert [job.id for job in await stage.store.rescue(alive) if job.refused] == [jobs[2].id], "and is tried again"


async def test_one_look_meets_only_so_many_lost_jobs_that_cannot_be_moved_and_the_next_one_goes_on(
    stage: Stage,
) -> None:
    alive, dead = await stage.runner("nothing"), await stage.runner("work", crash_limit=1)
    jobs = [await stage.add() for _ in range(MOST + 5)]
    await stage.claim(dead, MOST + 5)
    await stage.damage("new.id")
    await stage.store.leave(dead)
    looks = [[job.id for job in await stage.store.rescue(alive)] for _ in range(3)]
    assert looks == [[job.id for job in jobs[:MOST]], [job.id for job in jobs[MOST:]], []]


async def test_jobs_of_one_lost_runner_that_cannot_be_moved_do_not_hold_up_those_of_another(stage: Stage) -> None:
    alive = await stage.runner("nothing")
    one, two = await stage.runner("work", crash_limit=1), await stage.runner("work", crash_limit=9)
    while two < one:  # ids are random, and lost runners come in their order
        await stage.store.leave(two)
        two = await stage.runner("work", crash_limit=9)
    await stage.store.insert([new() for _ in range(MOST)])
    assert len(await stage.claim(one)) == MOST
    healthy = await stage.add()
    await stage.claim(two)
    await stage.damage("new.id")
    await stage.store.leave(one)
    await stage.store.leave(two)
    assert [job.id for job in await stage.store.rescue(alive) if job.refused is None] == [healthy.id]
