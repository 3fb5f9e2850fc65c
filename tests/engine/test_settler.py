"""What the settler does with batches, outages and ends that a store cannot hold."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from kongflow.core.job import JobState, Reason
from kongflow.core.outcome import Finish
from kongflow.engine import settler as settler_module
from kongflow.engine.events import PartFailed, StoreBack, StoreLost
from kongflow.engine.settler import BATCH
from kongflow.errors import (
    SchemaOutOfDate,
    StoreBusy,
    StoreError,
    StoreForbidden,
    StoreRefused,
    StoreUnavailable,
)
from tests.engine.desk import Desk, Shelf
from tests.engine.waiting import PATIENCE, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again is tried again at once."""
    monkeypatch.setattr("kongflow.engine.outage.FIRST_WAIT", 0.0)
    monkeypatch.setattr(settler_module, "SUSPECT", 0.0)
    monkeypatch.setattr(settler_module, "LATER", 0.0)


async def test_ends_that_come_together_are_written_together() -> None:
    shelf = Shelf()
    desk = Desk(shelf)

    async with desk.at_work():
        for number in range(BATCH + 10):
            desk.put(str(number))
        await desk.settler.flush()

    assert [len(batch) for batch in shelf.batches] == [BATCH, 10]
    assert len(desk.written) == BATCH + 10
    assert desk.settler.unwritten == 0


async def test_an_outage_loses_nothing_and_is_told_once(no_waiting: None) -> None:
    shelf = Shelf(away=4)
    desk = Desk(shelf)

    async with desk.at_work():
        desk.put("1")
        await desk.settler.flush()

    assert desk.written == ["1"]
    assert [type(event) for event in desk.told] == [StoreLost, StoreBack]


@pytest.mark.parametrize("refusal", [ValueError("cannot hold this"), StoreRefused("against a rule of the table")])
async def test_one_end_that_the_store_cannot_hold_does_not_spoil_the_batch(
    refusal: Exception, no_waiting: None
) -> None:
    shelf = Shelf(poison='"odd"', poisoned=refusal)
    desk = Desk(shelf)

    async with desk.at_work():
        desk.put("1")
        desk.put("2", result='"odd"')
        desk.put("3")
        await desk.settler.flush()

    assert sorted(desk.written) == ["1", "2", "3"]
    assert [shelf.ends[job].state for job in "123"] == [JobState.SUCCEEDED, JobState.FAILED, JobState.SUCCEEDED]
    assert shelf.ends["2"].reason is Reason.ERROR
    assert [type(event) for event in desk.told] == [PartFailed], "a refusal is no outage"


async def test_an_end_that_is_refused_whatever_it_is_is_put_aside_and_holds_up_nobody(
    no_waiting: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settler_module, "ASIDE", 0.0)
    shelf = Shelf()
    shelf.damaged = {"2"}
    desk = Desk(shelf)

    async with desk.at_work():
        for id in "123":
            desk.put(id)
        await until(lambda: desk.written == ["1", "3"])
        desk.put("4")
        await until(lambda: desk.written == ["1", "3", "4"] and bool(desk.told))
        shelf.damaged = set()
        await until(lambda: "2" in desk.written)

    assert shelf.ends["2"].state is JobState.SUCCEEDED, "a failure was refused too: not what the end says was to blame"
    assert any(isinstance(event, PartFailed) and "job 2" in event.error for event in desk.told)


@pytest.mark.parametrize(
    "error", [StoreBusy("40001"), SchemaOutOfDate("42P01"), StoreForbidden("42501"), StoreError("55000")]
)
async def test_a_single_end_that_is_not_taken_while_renewals_are_is_put_aside_as_it_is(
    error: StoreError, no_waiting: None
) -> None:
    shelf = Shelf()
    shelf.odd = {"1": error}
    desk = Desk(shelf)
    shelf.meanwhile = lambda: desk.lease.renewed(time.monotonic())

    async with desk.at_work():
        desk.put("1")
        await desk.settler.flush()

    assert (desk.written, desk.settler.aside) == ([], 1)
    assert {end.transition.state for end in shelf.tries if isinstance(end.transition, Finish)} == {JobState.SUCCEEDED}
    assert [event.error for event in desk.told if isinstance(event, PartFailed)] == [
        f"the end of job 1: {type(error).__name__}: {error}"
    ]


@pytest.mark.parametrize("error", [StoreBusy("57014"), StoreUnavailable("the server closed the connection")])
async def test_an_end_that_is_not_taken_while_others_are_is_tried_after_them_and_put_aside(
    error: StoreError, no_waiting: None
) -> None:
    shelf = Shelf()
    shelf.odd = {"0": error}
    desk = Desk(shelf)

    async with desk.at_work():
        desk.put("0")
        for number in range(1, 100):
            desk.put(str(number))
            await until(lambda number=number: str(number) in desk.written)
        await desk.settler.flush()

    assert (len(desk.written), desk.settler.aside) == (99, 1)


async def test_a_suspect_that_meets_an_outage_does_not_end_it(no_waiting: None) -> None:
    shelf = Shelf()
    shelf.damaged = {"1"}
    desk = Desk(shelf)

    async with desk.at_work():
        desk.put("1")
        await until(lambda: len(shelf.tries) == 1)
        shelf.away = 1_000_000
        desk.put("2")
        await until(lambda: [settlement.id for settlement in shelf.tries].count("1") > 5)
        assert [type(event) for event in desk.told] == [StoreLost]
        assert desk.settler.unwritten == 2
        shelf.away = 0
        await desk.settler.flush()

    assert [type(event) for event in desk.told] == [StoreLost, StoreBack, PartFailed]
    assert (desk.written, desk.settler.aside) == (["2"], 1)


async def test_a_lone_end_that_costs_its_connection_each_time_holds_up_nobody_who_catches_up(no_waiting: None) -> None:
    shelf = Shelf()
    shelf.odd = {"1": StoreUnavailable("the server closed the connection")}
    desk = Desk(shelf)
    shelf.meanwhile = lambda: desk.lease.renewed(time.monotonic())

    async with desk.at_work():
        desk.put("1")
        await asyncio.wait_for(desk.settler.catch_up(), PATIENCE)
        assert [type(event) for event in desk.told] == [StoreLost], "it may be an outage, and is not put aside"
        assert (desk.settler.unwritten, desk.settler.aside) == (1, 0)
        for number in range(2, 100):
            desk.put(str(number))
            await until(lambda number=number: str(number) in desk.written)
        await desk.settler.flush()

    assert (len(desk.written), desk.settler.aside) == (98, 1)
    told = [type(event) for event in desk.told]
    assert told[:3] == [StoreLost, StoreBack, PartFailed]
    assert told.count(PartFailed) == len(told) - 2, "and once more for the last try"


async def test_ends_behind_bad_ones_do_not_wait_for_their_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settler_module, "SUSPECT", 1e6)
    shelf = Shelf()
    shelf.damaged = {str(number) for number in range(200)}
    desk = Desk(shelf)

    async with desk.at_work():
        for number in range(205):
            desk.put(str(number))
        await desk.settler.catch_up()

    assert desk.written == ["200", "201", "202", "203", "204"]
    assert desk.settler.unwritten == 200


async def test_an_end_that_is_aside_is_tried_alone_and_ever_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    shelf.damaged = {"1"}
    desk = Desk(shelf)
    loop, waits = asyncio.get_running_loop(), []

    def at_once(seconds: float, then: Callable[..., None], *args: Any) -> None:
        waits.append(seconds)
        if len(waits) < 12:
            loop.call_soon(then, *args)

    async with desk.at_work():
        with monkeypatch.context() as patched:
            patched.setattr(settler_module.asyncio, "get_running_loop", lambda: SimpleNamespace(call_later=at_once))
            desk.put("1")
            await until(lambda: len(waits) == 12)

    assert waits[3:] == [settler_module.SUSPECT, 30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0, 600.0]
    assert desk.settler.aside == 1


async def test_who_waits_for_all_ends_does_not_wait_for_one_that_was_put_aside(no_waiting: None) -> None:
    shelf = Shelf()
    shelf.damaged = {"1"}
    desk = Desk(shelf)

    async with desk.at_work():
        desk.put("1")
        desk.put("2")
        await asyncio.wait_for(desk.settler.flush(), PATIENCE)

    assert (desk.written, desk.settler.unwritten) == (["2"], 0)


async def test_who_catches_up_waits_for_what_was_put_before_and_not_for_more(no_waiting: None) -> None:
    shelf = Shelf()
    desk = Desk(shelf)

    def one_more() -> None:
        shelf.away = 1_000_000
        desk.put("2")

    async with desk.at_work():
        desk.put("1", then=one_more)
        caught_up = asyncio.ensure_future(desk.settler.catch_up())
        await until(caught_up.done)
        assert desk.written == ["1"]
        shelf.away = 0
        await desk.settler.flush()

    assert desk.written == ["1", "2"]


async def test_what_is_too_much_for_the_line_goes_in_smaller_batches_and_in_order(no_waiting: None) -> None:
    shelf = Shelf(room=400)
    desk = Desk(shelf)

    async with desk.at_work():
        for number in range(100):
            desk.put(str(number), result="x" * 100)
        await desk.settler.flush()

    assert desk.written == [str(number) for number in range(100)]
    assert {end.state for end in shelf.ends.values()} == {JobState.SUCCEEDED}
    assert max(map(len, shelf.batches)) == 4
    assert shelf.failed < len(shelf.batches)


async def test_batches_grow_again_when_the_line_is_good(no_waiting: None) -> None:
    shelf = Shelf(room=100)
    desk = Desk(shelf)

    async with desk.at_work():
        for number in range(2):
            desk.put(str(number), result="x" * 100)
        await desk.settler.flush()
        for number in range(BATCH * BATCH):
            desk.put(str(number), result="x")
        await desk.settler.flush()

    assert max(map(len, shelf.batches)) == BATCH


async def test_a_single_end_that_never_gets_through_fails_and_says_why(no_waiting: None) -> None:
    shelf = Shelf(room=99)
    desk = Desk(shelf)
    shelf.meanwhile = lambda: desk.lease.renewed(time.monotonic())

    async with desk.at_work():
        desk.put("1", result="x" * 100)
        await desk.settler.flush()

    assert desk.written == ["1"]
    assert (shelf.ends["1"].state, shelf.ends["1"].reason) == (JobState.FAILED, Reason.ERROR)
    error = shelf.ends["1"].error
    assert error is not None
    assert error.message == "the end could not be written: no answer"


async def test_an_end_is_not_to_blame_where_no_renewal_was_sent_after_it_and_worked(no_waiting: None) -> None:
    """Everything may be silent: the renewals that have worked were sent before, and nobody knows of the next ones."""
    shelf = Shelf(room=99)
    desk = Desk(shelf)
    shelf.meanwhile = lambda: desk.lease.renewed(time.monotonic() - 60.0)

    async with desk.at_work():
        desk.put("1", result="x" * 100)
        await until(lambda: shelf.failed > 2 * settler_module.TRIES)
        shelf.room = 100
        await desk.settler.flush()

    assert shelf.ends["1"].state is JobState.SUCCEEDED


@pytest.mark.parametrize("error", [StoreBusy("a lock"), StoreUnavailable("the disk is full")])
async def test_an_end_is_not_to_blame_for_locks_and_full_disks(error: StoreError, no_waiting: None) -> None:
    shelf = Shelf(away=2 * settler_module.TRIES, absence=error)
    desk = Desk(shelf)

    async with desk.at_work():
        desk.put("1")
        await desk.settler.flush()

    assert shelf.ends["1"].state is JobState.SUCCEEDED


async def test_an_end_whose_job_is_held_holds_up_a_flush_and_nobody_who_catches_up(no_waiting: None) -> None:
    shelf = Shelf()
    shelf.held = {"1"}
    desk = Desk(shelf)

    async with desk.at_work():
        desk.put("1")
        desk.put("2")
        await desk.settler.catch_up()
        flush = asyncio.ensure_future(desk.settler.flush())
        await until(lambda: len(shelf.tries) > 5)
        assert not flush.done()
        assert (desk.written, desk.settler.unwritten) == (["2"], 1)
        shelf.held.clear()
        await flush

    assert (desk.written, desk.settler.unwritten) == (["2", "1"], 0)


async def test_an_end_that_is_tried_later_asks_for_no_next_job(no_waiting: None) -> None:
    """Its slot may be another job's by now."""
    shelf = Shelf()
    shelf.held = {"1"}
    desk = Desk(shelf)

    async with desk.at_work():
        desk.put("1", next_of="mail")
        assert desk.settler.owed == 1
        await until(lambda: len(shelf.tries) > 2)
        assert desk.settler.owed == 0
        shelf.held.clear()
        await desk.settler.flush()

    assert [settlement.next_of for settlement in shelf.tries[:3]] == ["mail", None, None]


async def test_a_flush_of_nothing_returns_at_once() -> None:
    await Desk(Shelf()).settler.flush()
