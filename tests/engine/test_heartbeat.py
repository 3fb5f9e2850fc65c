"""What the heartbeat does when renewals succeed, fail and hang."""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from kongflow.core.catalog import RunnerSettings
from kongflow.engine.blocking import Blocking
from kongflow.engine.events import Event, Events, StoreBack, StoreLost
from kongflow.engine.heartbeat import Heartbeat, Ward
from kongflow.engine.lease import Lease
from kongflow.engine.outage import Outage
from kongflow.errors import StoreBusy, StoreUnavailable
from kongflow.store.records import Renewal
from tests.engine.waiting import PATIENCE, until

pytestmark = pytest.mark.anyio

SETTINGS = RunnerSettings(heartbeat=0.02, lease=0.4, stall_limit=None)


class Keeper:
    """A heartbeat's connection that answers what the test says."""

    def __init__(self, answer: Callable[[], Renewal] = Renewal) -> None:
        self.answer = answer
        self.asked: list[list[int]] = []
        self.threads: set[str] = set()
        self.closed = False
        self.writes = 1

    def written(self) -> int:
        return self.writes

    def renew(self, leases: Sequence[int]) -> Renewal:
        self.asked.append(list(leases))
        self.threads.add(threading.current_thread().name)
        return self.answer()

    def close(self) -> None:
        self.closed = True


class Patient:
    """A heartbeat with its lease and its ward: what it learned."""

    def __init__(self, keeper: Keeper, settings: RunnerSettings = SETTINGS) -> None:
        self.learned: list[Renewal] = []
        self.replaced: list[str] = []
        self.told: list[Event] = []
        events = Events(self.told.append)
        self.lease = Lease(settings.lease)
        ward = Ward(lambda: [7, 8], self.learned.append, self.replaced.append)
        self.heartbeat = Heartbeat(keeper, self.lease, settings, ward, Blocking(events), Outage(events), events)

    @contextmanager
    def alive(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.heartbeat.stop()


async def test_it_renews_all_leases_from_a_thread_of_its_own() -> None:
    keeper = Keeper()
    patient = Patient(keeper)

    with patient.alive():
        await patient.heartbeat.start()
        await until(lambda: len(keeper.asked) >= 3)

    assert keeper.asked[0] == [7, 8]
    assert keeper.threads == {"kongflow-heartbeat"}
    await patient.heartbeat.stopped()
    assert keeper.closed


async def test_it_passes_on_what_it_learns_and_nothing_else() -> None:
    answers = iter([Renewal(), Renewal(unknown=frozenset({("1", 9)})), Renewal(lost=frozenset({8}))])
    patient = Patient(Keeper(lambda: next(answers, Renewal())))

    with patient.alive():
        await patient.heartbeat.start()
        await until(lambda: len(patient.learned) == 2)

    assert patient.learned == [Renewal(unknown=frozenset({("1", 9)})), Renewal(lost=frozenset({8}))]


async def test_a_lease_counts_from_when_its_renewal_was_sent() -> None:
    answered: list[float] = []

    def answer() -> Renewal:
        if answered:
            raise StoreUnavailable("gone")
        answered.append(time.monotonic())
        return Renewal()

    patient = Patient(Keeper(answer))
    with patient.alive():
        await patient.heartbeat.start()
        await until(lambda: bool(patient.told))

    assert patient.lease.renewed_at <= answered[0]


async def test_renewals_that_fail_keep_no_lease_and_are_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kongflow.engine.outage.LONGEST_WAIT", 0.02)

    def away() -> Renewal:
        raise StoreUnavailable("the disk is gone")

    keeper = Keeper(away)
    patient = Patient(keeper)

    with patient.alive():
        await patient.heartbeat.start()
        await until(lambda: len(keeper.asked) >= 3)

    assert not patient.lease.holds
    assert not patient.heartbeat.may_rescue
    assert [type(event) for event in patient.told] == [StoreLost]


async def test_the_loop_is_watched_while_a_renewal_gets_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, looks = threading.Event(), list[bool]()

    def hangs() -> Renewal:
        answer.wait(PATIENCE)
        return Renewal()

    def look(blocking: Blocking) -> float:
        looks.append(bool(keeper.asked))
        return 0.01

    keeper = Keeper(hangs)
    patient = Patient(keeper)
    monkeypatch.setattr(Blocking, "look", look)

    with patient.alive():
        starting = asyncio.ensure_future(patient.heartbeat.start())
        try:
            await until(lambda: looks.count(True) > 3)
        finally:
            answer.set()
        await starting


async def test_whatever_a_renewal_fails_of_it_is_tried_again() -> None:
    errors = iter([OSError(errno.EMFILE, "Too many open files"), RuntimeError("can't start new thread")])

    def answer() -> Renewal:
        for error in errors:
            raise error
        return Renewal()

    keeper = Keeper(answer)
    patient = Patient(keeper, replace(SETTINGS, lease=PATIENCE))

    with patient.alive():
        await patient.heartbeat.start()
        await until(lambda: any(isinstance(event, StoreBack) for event in patient.told))

    assert len(keeper.asked) >= 3
    assert patient.lease.holds


@pytest.mark.parametrize("later", [StoreBusy("others get through"), StoreUnavailable("the disk is gone")], ids=type)
async def test_a_lock_on_the_file_expires_nothing_and_is_no_excuse_for_what_fails_later(later: Exception) -> None:
    errors: list[Exception] = []

    def locked() -> Renewal:
        if errors:
            raise errors[-1]
        return Renewal()

    keeper, lease = Keeper(locked), 2.0
    patient = Patient(keeper, replace(SETTINGS, lease=lease))

    with patient.alive():
        await patient.heartbeat.start()
        errors.append(StoreBusy("another transaction holds the file"))
        until_when = patient.lease.renewed_at + lease
        await until(lambda: time.monotonic() > until_when)
        assert patient.lease.holds

        keeper.writes += 1
        errors.append(later)
        await until(lambda: not patient.lease.holds)


async def test_after_an_outage_nothing_is_rescued_for_one_lease() -> None:
    away = [True]

    def answer() -> Renewal:
        if away[0]:
            raise StoreUnavailable("away")
        return Renewal()

    patient = Patient(Keeper(answer), replace(SETTINGS, lease=3.0))

    with patient.alive():
        await patient.heartbeat.start()
        away[0] = False
        await until(lambda: any(isinstance(event, StoreBack) for event in patient.told))
        assert not patient.heartbeat.may_rescue
        await until(lambda: patient.heartbeat.may_rescue)
