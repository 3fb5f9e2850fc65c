"""The server's clock may be set: that is no runner's death, and hides none."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from kongflow.store.postgres.clock import TOLERANCE, ServerClock
from tests.store.stage import LEASE, POLL, Stage, info

YEAR = 365 * 86_400.0
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()


class Hands:
    """Two clocks that a test moves."""

    def __init__(self) -> None:
        self.monotonic, self.server, self.own = 100.0, NOON, NOON
        self.clock = ServerClock(lambda: self.monotonic, lambda: self.own)

    def look(self, *, took: float = 0.0, set_by: float = 0.0) -> None:
        """Read the server's clock `took` seconds long; it has been set by so many seconds before."""
        self.server += set_by
        sent = self.monotonic
        read = datetime.fromtimestamp(self.server + took / 2, UTC)
        self.wait(took)
        self.clock.read(read, sent)

    def wait(self, seconds: float) -> None:
        self.monotonic += seconds
        self.server += seconds
        self.own += seconds


@pytest.mark.parametrize("step", [TOLERANCE + 0.01, -TOLERANCE - 0.01, 3600.0, -3600.0])
def test_a_step_unsettles_for_a_while(step: float) -> None:
    hands = Hands()
    hands.look()
    hands.wait(15.0)
    assert hands.clock.is_steady(15.0)
    hands.look(set_by=step)
    assert not hands.clock.is_steady(15.0)
    hands.wait(14.9)
    hands.look()
    assert not hands.clock.is_steady(15.0)
    hands.wait(0.2)
    assert hands.clock.is_steady(15.0)


def test_what_it_was_set_by_is_summed_up() -> None:
    hands = Hands()
    hands.look(set_by=YEAR)
    assert hands.clock.set_by == 0.0
    for step in (3600.0, 0.1, -60.0):
        hands.wait(3.0)
        hands.look(set_by=step)
    assert hands.clock.set_by == pytest.approx(3540.0, abs=TOLERANCE)


def test_nothing_is_known_of_the_time_before_the_first_reading() -> None:
    hands = Hands()
    hands.wait(15.0)
    assert not hands.clock.is_steady(15.0)
    hands.look()
    hands.wait(7.4)
    hands.look()
    assert not hands.clock.is_steady(15.0), "who lives has perhaps not renewed since it was set"
    hands.wait(0.2)
    assert hands.clock.is_steady(15.0)


def test_slow_answers_and_small_corrections_are_no_steps() -> None:
    hands = Hands()
    hands.look()
    hands.wait(15.0)
    for took, set_by in ((0.0, 0.1), (20.0, 0.0), (0.0, -0.1), (5.0, 0.3), (0.0, 0.0)):
        hands.wait(3.0)
        hands.look(took=took, set_by=set_by)
        assert hands.clock.is_steady(15.0)


@pytest.mark.parametrize("step", [3600.0, 0.0, -3600.0])
def test_it_is_no_later_than_the_server_once_said_whatever_it_says_now(step: float) -> None:
    hands = Hands()
    hands.own += 10 * YEAR
    hands.look()
    hands.wait(3.0)
    hands.look(set_by=step)
    hands.wait(3.0)
    assert hands.clock.no_later_than() == datetime.fromtimestamp(NOON + 6.0, UTC)


def test_it_is_no_later_than_this_machine_has_it() -> None:
    hands = Hands()
    assert hands.clock.no_later_than() == datetime.fromtimestamp(NOON, UTC)
    hands.look(set_by=YEAR)
    hands.wait(3.0)
    assert hands.clock.no_later_than() == datetime.fromtimestamp(NOON + 3.0, UTC)


class SetByHand:
    """The clock of a stage's server, which a test sets while no time passes."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._set_by = 0.0
        access = stage.store._access  # type: ignore[attr-defined]
        access.clock = ServerClock(
            lambda: time.monotonic() - self._set_by, skipped=lambda: float(access.shift.total_seconds())
        )

    def set_by(self, seconds: float) -> None:
        self._set_by += seconds
        self._stage.advance(seconds)


@pytest.mark.anyio
async def test_a_step_of_the_servers_clock_is_nobodys_death(stage: Stage) -> None:
    clock = SetByHand(stage)
    witness, alive, dead = [await stage.runner("work", config=name) for name in ("witness", "alive", "dead")]
    stage.advance(LEASE)
    for runner in (witness, alive, dead):
        stage.renew(runner)
    await stage.add()
    kept = await stage.claim_one(alive)
    await stage.add()
    lost = await stage.claim_one(dead)

    clock.set_by(LEASE + 1)
    for _ in range(2):
        assert await stage.store.rescue(witness) == []
        stage.advance(POLL)
    stage.renew(witness)
    stage.renew(alive)

    stage.advance(LEASE)
    stage.renew(alive)
    assert [job.id for job in await stage.store.rescue(witness)] == [lost.id]
    assert await stage.state(kept.id) == "running"


@pytest.mark.anyio
async def test_after_a_step_each_runner_has_its_own_leases_time_to_renew(stage: Stage) -> None:
    clock = SetByHand(stage)
    witness = await stage.runner("nothing")
    lost = []
    for lease in (LEASE, 4 * LEASE):
        dead = await stage.runner("work", lease=lease)
        await stage.add()
        lost.append((await stage.claim_one(dead)).id)
    stage.advance(LEASE)
    clock.set_by(5 * LEASE)
    await stage.store.rescue(witness)
    rescued = []
    for _ in range(4):
        stage.advance(LEASE)
        rescued.append([job.id for job in await stage.store.rescue(witness)])
    assert rescued == [[lost[0]], [], [], [lost[1]]]


@pytest.mark.anyio
async def test_a_clock_that_was_set_back_hides_no_dead_runner(stage: Stage) -> None:
    clock = SetByHand(stage)
    dead, witness = await stage.runner("work"), await stage.runner("work")
    await stage.add()
    lost = await stage.claim_one(dead)
    clock.set_by(-3600.0)
    await stage.store.rescue(witness)
    stage.advance(LEASE + POLL)
    assert [job.id for job in await stage.store.rescue(witness)] == [lost.id]


@pytest.mark.anyio
async def test_a_step_ahead_is_no_time_that_a_lost_attempt_ran(stage: Stage) -> None:
    clock = SetByHand(stage)
    dead, witness = await stage.runner("work", time_limit=600.0, max_attempts=1), await stage.runner("nothing")
    keeper = stage.store.lease_keeper(dead)
    before = await stage.add()
    await stage.claim_one(dead)
    clock.set_by(3600.0)
    after = await stage.add()
    await stage.claim_one(dead)
    for _ in range(2):
        stage.advance(5.0)
        keeper.renew([])
    keeper.close()

    stage.advance(LEASE)
    await stage.lose(dead, witness=witness)

    found = [await stage.job(job.id) for job in (before, after)]
    assert [(job.state, job.crashes) for job in found] == [("ready", 1)] * 2


@pytest.mark.anyio
async def test_what_a_lost_attempt_ran_before_and_after_a_step_counts(stage: Stage) -> None:
    clock = SetByHand(stage)
    dead, witness = await stage.runner("work", time_limit=600.0, max_attempts=1), await stage.runner("nothing")
    keeper = stage.store.lease_keeper(dead)
    job = await stage.add()
    await stage.claim_one(dead)
    for _ in range(2):
        stage.advance(310.0)
        clock.set_by(3600.0)
        keeper.renew([])
    keeper.close()

    stage.advance(LEASE)
    await stage.lose(dead, witness=witness)

    assert await stage.state(job.id) == "failed: timed_out"


@pytest.mark.anyio
async def test_a_newcomer_calls_nobody_dead_before_it_has_watched_for_half_a_lease(stage: Stage) -> None:
    alive, dead = await stage.runner("work"), await stage.runner("work")
    await stage.add()
    kept = await stage.claim_one(alive)
    await stage.add()
    lost = await stage.claim_one(dead)
    stage.advance(3600.0)  # perhaps nobody renewed, perhaps the server's clock was set: who comes now cannot know
    other = await stage.another()
    other.advance(3600.0)
    newcomer = await other.join(info("work"))
    for _ in range(2):
        assert await other.rescue(newcomer) == []
        stage.advance(POLL)
    stage.renew(alive)
    stage.advance(LEASE)
    stage.renew(alive)
    assert [job.id for job in await other.rescue(newcomer)] == [lost.id]
    assert await stage.state(kept.id) == "running"
