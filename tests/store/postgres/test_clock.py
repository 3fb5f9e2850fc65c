"""The server's clock may be set: that is no runner's death, and hides none."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from kongflow.store.postgres.clock import TOLERANCE, ServerClock
from tests.store.stage import LEASE, POLL, Stage

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
    hands.wait(3.0)
    hands.look(set_by=step)
    assert not hands.clock.is_steady(15.0)
    hands.wait(14.9)
    hands.look()
    assert not hands.clock.is_steady(15.0)
    hands.wait(0.2)
    assert hands.clock.is_steady(15.0)


def test_slow_answers_and_small_corrections_are_no_steps() -> None:
    hands = Hands()
    hands.look()
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


@pytest.mark.anyio
async def test_a_step_of_the_servers_clock_is_nobodys_death(stage: Stage) -> None:
    witness, alive, dead = [await stage.runner("work", config=name) for name in ("witness", "alive", "dead")]
    await stage.add()
    kept = await stage.claim_one(alive)
    await stage.add()
    lost = await stage.claim_one(dead)
    behind = 0.0
    clock = stage.store._access.clock = ServerClock(lambda: time.monotonic() - behind)  # type: ignore[attr-defined]
    stage.renew(witness)

    stage.advance(LEASE + 1)  # the server's clock is set, while no time passes here
    behind = LEASE + 1
    for _ in range(3):
        assert await stage.store.rescue(witness) == []
        stage.advance(POLL)
    stage.renew(witness)
    stage.renew(alive)

    behind -= LEASE  # so much time has passed, and the server's clock has gone with it
    clock.read(datetime.now(UTC), clock.monotonic() - LEASE)
    stage.renew(witness)
    await stage.store.rescue(witness)
    stage.advance(POLL)
    assert [job.id for job in await stage.store.rescue(witness)] == [lost.id]
    assert await stage.state(kept.id) == "running"


@pytest.mark.anyio
async def test_a_clock_that_was_set_back_hides_no_dead_runner(stage: Stage) -> None:
    dead, witness = await stage.runner("work"), await stage.runner("work")
    await stage.add()
    lost = await stage.claim_one(dead)
    stage.advance(-3600.0)
    stage.renew(witness)
    await stage.store.rescue(witness)
    stage.advance(POLL)
    assert [job.id for job in await stage.store.rescue(witness)] == [lost.id]
