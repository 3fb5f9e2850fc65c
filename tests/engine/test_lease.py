"""Until when a runner may work without a renewal: the clock decides, whatever a call does."""

from __future__ import annotations

import pytest

from kongflow.engine.lease import Lease

pytestmark = pytest.mark.anyio


class Clock:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_nothing_holds_before_the_first_renewal() -> None:
    assert not Lease(10.0, Clock()).holds


def test_a_renewal_is_good_for_nine_tenths_of_the_lease_from_when_it_was_sent() -> None:
    clock = Clock()
    lease = Lease(10.0, clock)
    clock.now += 4.0
    lease.renewed(sent=1_000.0)

    assert lease.left == 5.0
    clock.now += 4.9
    assert lease.holds
    clock.now += 0.1
    assert not lease.holds


def test_each_renewal_moves_the_end() -> None:
    clock = Clock()
    lease = Lease(10.0, clock)
    for _ in range(3):
        lease.renewed(clock.now)
        clock.now += 8.0
        assert lease.holds


def test_while_a_lock_keeps_everybody_out_nothing_is_over() -> None:
    clock = Clock()
    lease = Lease(10.0, clock)
    lease.renewed(clock.now)
    for _ in range(20):
        clock.now += 1.5
        lease.locked_out(sent=clock.now - 0.25, written=7)
        assert lease.holds


def test_a_lock_is_an_excuse_for_two_seconds_and_no_further_lease() -> None:
    clock = Clock()
    lease = Lease(10.0, clock)
    lease.renewed(clock.now)
    clock.now += 8.5
    lease.locked_out(sent=clock.now - 0.5, written=7)

    assert lease.left == 1.5
    clock.now += 1.5
    assert not lease.holds
    lease.renewed(clock.now)
    assert lease.holds


@pytest.mark.parametrize("written", [8, None])
def test_a_lock_is_no_excuse_where_others_may_have_written_after_the_end(written: int | None) -> None:
    clock = Clock()
    lease = Lease(10.0, clock)
    lease.renewed(clock.now)
    clock.now += 8.5
    lease.locked_out(sent=clock.now, written=7)
    for _ in range(2):
        clock.now += 1.0
        lease.locked_out(sent=clock.now, written=written)

    assert not lease.holds


def test_a_lock_is_an_excuse_whatever_was_written_while_the_lease_held() -> None:
    clock = Clock()
    lease = Lease(10.0, clock)
    lease.renewed(clock.now)
    for written in (7, 8, 9, 9, 9):
        clock.now += 2.5
        lease.locked_out(sent=clock.now, written=written)

    assert lease.holds


def test_a_lock_takes_nothing_from_a_lease_that_holds() -> None:
    clock = Clock()
    lease = Lease(10.0, clock)
    lease.renewed(clock.now)
    lease.locked_out(sent=clock.now, written=7)

    assert lease.left == 9.0


def test_a_lock_is_no_excuse_before_the_first_renewal() -> None:
    lease = Lease(10.0, Clock())
    lease.locked_out(sent=1_000.0, written=7)

    assert not lease.holds


async def test_who_waits_for_the_end_goes_on_waiting_after_each_renewal(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, slept = Clock(), list[float]()
    lease = Lease(10.0, clock)
    lease.renewed(clock.now)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.now += seconds
        if len(slept) < 3:
            lease.renewed(clock.now - 1.0)

    monkeypatch.setattr("kongflow.engine.lease.asyncio.sleep", sleep)
    await lease.over()

    assert slept == [9.0, 8.0, 8.0]


async def test_a_process_that_stood_still_renews_before_it_gives_up_its_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, slept = Clock(), list[float]()
    lease = Lease(10.0, clock)
    lease.renewed(clock.now)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 1:
            clock.now += 60.0
        elif len(slept) == 2:
            lease.renewed(clock.now)
        else:
            clock.now += seconds

    monkeypatch.setattr("kongflow.engine.lease.asyncio.sleep", sleep)
    await lease.over()

    assert slept == [9.0, pytest.approx(1.0), 9.0]


async def test_who_waits_for_the_lease_has_it_with_the_next_renewal(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks = Clock(), list[float]()
    lease = Lease(10.0, clock)

    async def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            lease.renewed(clock.now)

    monkeypatch.setattr("kongflow.engine.lease.asyncio.sleep", sleep)
    await lease.kept()

    assert len(looks) == 3
