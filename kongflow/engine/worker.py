"""Worker: keeps the slots of one process full. Claims as many jobs as there are free slots, and lets each run."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from kongflow.config.binding import Handler
from kongflow.core.catalog import Catalog
from kongflow.core.job import ClaimedJob, Reason
from kongflow.core.outcome import Crashed, Outcome, Released, RunAgain, decide
from kongflow.engine.attempt import Attempt, Stop
from kongflow.engine.chores import Chores
from kongflow.engine.endings import end_event
from kongflow.engine.events import (
    Events,
    JobAbandoned,
    JobForgotten,
    JobLost,
    JobRefused,
    JobSucceeded,
    PartFailed,
    ref,
)
from kongflow.engine.executor import Executor
from kongflow.engine.failure import timed_out
from kongflow.engine.lease import Lease
from kongflow.engine.outage import Outage
from kongflow.engine.settler import Ending, Settler
from kongflow.errors import StoreError
from kongflow.store.base import Store
from kongflow.store.records import Refused, Renewal, Settled, Settlement
from kongflow.store.refusals import PUT_OFF

CHAIN_MAX = 16
"""Jobs of one queue that are handed over in a row; then a claim decides what is best, among all queues."""
SHORTEST_NAP = 0.005
"""Seconds; a job that is due in less is waited for this long, so that a clock that rounds cannot spin the loop."""


@dataclass(frozen=True, slots=True)
class Crew:
    """What a worker works with."""

    catalog: Catalog
    handlers: Mapping[str, Handler]
    store: Store
    runner: int
    lease: Lease
    executor: Executor
    settler: Settler
    outage: Outage
    chores: Chores
    events: Events


class Worker:
    """Claims and runs jobs until told to stop. Everything here happens on the event loop, but `leases`."""

    def __init__(self, crew: Crew) -> None:
        self.found_nothing = asyncio.Event()
        """Set when a claim brings nothing while no attempt runs."""
        self._crew = crew
        self._concurrency = crew.catalog.runner.concurrency
        self._attempts: dict[int, Attempt] = {}
        self._unsettled: set[int] = set()
        self._unknown: frozenset[tuple[str, int]] = frozenset()
        self._unknown_at = 0.0
        self._tasks: set[asyncio.Task[Outcome | None]] = set()
        self._wake = asyncio.Event()
        self._reasons = 0
        """Wake-ups and slots that have become free since the last claim, but for those that were handed on."""
        self._all_ended = asyncio.Event()
        self._all_ended.set()
        self._rng = random.Random()
        self._claims_no_more = False
        self._claiming_since: float | None = None
        self._put_off: set[str] = set()
        """Jobs that the database did not let be claimed: each is told once."""

    # --- for the other parts ---

    @property
    def running(self) -> int:
        """How many attempts hold a slot."""
        return len(self._attempts)

    def leases(self) -> list[int]:
        """Return the leases of attempts that run and of ends that are not written yet. From any thread."""
        return [*self._attempts.copy(), *self._unsettled.copy()]

    def wake(self) -> None:
        """Something may be there to claim, or a slot is free."""
        self._reasons += 1
        self._wake.set()

    def renewed(self, renewal: Renewal) -> None:
        """Pass on, once, what a heartbeat has learned of the running attempts."""
        for lease in renewal.lost:
            attempt = self._leased(lease)
            if attempt is not None and attempt.stop_reason is not Stop.LOST:
                self._crew.events.emit(JobLost(ref(attempt.job)))
                attempt.stop(Stop.LOST)
        self._give_back_unknown(renewal.unknown)

    def cancel(self, leases: frozenset[int]) -> None:
        """Let the attempts stop whose jobs somebody asked to cancel."""
        for lease in leases:
            attempt = self._leased(lease)
            if attempt is not None and attempt.stop_reason is None:
                attempt.stop(Stop.CANCEL)

    def _give_back_unknown(self, unknown: frozenset[tuple[str, int]]) -> None:
        """Give back jobs that two renewals found leased to this runner, which knows nothing of them: a claim was
        written, and its answer lost. Nobody else would ever find them, for this runner lives.
        """
        known = self._attempts.keys() | self._unsettled  # also what has become known since the renewal asked
        found = frozenset(job for job in unknown if job[1] not in known)
        # What a call had leased by the first of the two, whose answer is still on its way, is not lost yet.
        twice = found & self._unknown if self._asking_since > self._unknown_at else frozenset()
        self._unknown, self._unknown_at = found - twice, time.monotonic()
        for id, lease in twice:
            self._crew.events.emit(JobForgotten(id))
            self._give_back(id, lease)

    @property
    def _asking_since(self) -> float:
        """When the oldest call that may lease jobs, and is under way, began."""
        settler = self._crew.settler
        calls = (self._claiming_since, settler.asked_at if settler.is_asking else None)
        return min((began for began in calls if began is not None), default=math.inf)

    def _give_back(self, id: str, lease: int) -> None:
        """Release a job that never started."""
        self._unsettled.add(lease)
        released = RunAgain(0.0, gives_back=True, clears_crashes=False)
        self._crew.settler.put(Ending(Settlement(id, lease, released), partial(self._given_back, lease)))

    def _given_back(self, lease: int, settled: Settled) -> None:
        self._unsettled.discard(lease)

    def release_all(self) -> None:
        """Tell every attempt to stop and give its job back."""
        for attempt in list(self._attempts.values()):
            attempt.stop(Stop.RELEASE)

    def kill_all(self) -> None:
        """End the child processes of attempts that have not ended by themselves."""
        for attempt in list(self._attempts.values()):
            attempt.kill()

    def abandon_all(self) -> None:
        """Write the ends of attempts that go on in spite of everything, as the last act before the process ends."""
        for attempt in list(self._attempts.values()):
            attempt.abandoned = True
            self._crew.events.emit(JobAbandoned(ref(attempt.job), attempt.stack()))
            self._end(attempt, timed_out(attempt.task) if attempt.timed_out else Released())

    def _leased(self, lease: int) -> Attempt | None:
        """Return the running attempt of a lease, unless its own transaction ends, or has ended, the lease."""
        attempt = self._attempts.get(lease)
        return None if attempt is None or attempt.completing or attempt.committed else attempt

    async def drained(self) -> None:
        """Return when no attempt runs."""
        await self._all_ended.wait()

    @property
    def is_claiming(self) -> bool:
        """True while a claim is under way: what it brings must not be lost."""
        return self._claiming_since is not None

    @property
    def _may_start(self) -> bool:
        """False where the runner stops, and where others may soon take what it holds."""
        return not self._claims_no_more and self._crew.lease.holds

    def stop_claiming(self) -> None:
        """Claim no more; what a claim under way still brings is given back."""
        self._claims_no_more = True
        self._wake.set()

    # --- the straight line: claim, run, settle ---

    async def run(self) -> None:
        """Claim and start jobs until `stop_claiming`."""
        due = 0.0
        owed = 0
        while not self._claims_no_more:
            if owed == 0:
                await self._nap(due)
            await self._crew.settler.catch_up()
            # Whether their slots are free shows when these ends are written; others are filled meanwhile.
            owed = self._crew.settler.owed
            free = self._concurrency - len(self._attempts) - owed
            if free > 0 and not self._claims_no_more and (self._reasons > owed or time.monotonic() >= due):
                due = time.monotonic() + await self._fill(free, owed)

    async def _fill(self, free: int, owed: int) -> float:
        """Claim for the free slots and return how long to wait for a wake-up before the next look, in seconds. While
        the lease does not hold, nothing is claimed: nobody would stop these jobs before others start them.
        """
        if not self._crew.lease.holds:
            return self._crew.catalog.runner.poll_interval
        sent = time.monotonic()
        self._claiming_since, self._reasons = sent, owed
        try:
            claimed = await self._crew.store.claim(self._crew.runner, free, self._suspects_allowed())
            for job in claimed.jobs:
                self._start(job, sent)
        except StoreError as error:
            return self._crew.outage.failed("claim", error)
        finally:
            self._claiming_since = None
        self._crew.outage.worked("claim")
        for refused in claimed.refused:
            self._tell(refused)
        self._crew.chores.seen(claimed.chores)
        if not claimed.jobs and not self._attempts:
            self.found_nothing.set()
        wait = self._crew.catalog.runner.poll_interval
        if claimed.next_due is None:
            return wait
        # Counted from the question on: the answer may have been long on its way.
        return min(wait, max(claimed.next_due - (time.monotonic() - sent), SHORTEST_NAP))

    def _tell(self, refused: Refused) -> None:
        if refused.has_failed:
            what = f"job {refused.id} has failed: the database lets nobody change it ({refused.why})"
            self._crew.events.emit(JobRefused(refused.id, refused.task, Reason.ERROR))
            self._crew.events.emit(PartFailed("claim", f"{what}. Mend what refuses it, and retry the job", ""))
        elif refused.id not in self._put_off:
            what = f"job {refused.id} cannot be claimed: the database refuses it ({refused.why})"
            remedy = f"It is tried again every {PUT_OFF:g} s: mend its row or what refuses it, or delete the job"
            self._crew.events.emit(PartFailed("claim", f"{what}. {remedy}", ""))
            self._put_off.add(refused.id)

    async def _nap(self, until: float) -> None:
        """Wait for a wake-up, and not beyond `until`, where there is a slot to fill then."""
        seconds = until - time.monotonic() if len(self._attempts) < self._concurrency else None
        if not self._wake.is_set() and (seconds is None or seconds > 0):
            try:
                await asyncio.wait_for(self._wake.wait(), seconds)
            except TimeoutError:
                pass
        self._wake.clear()

    def _suspects_allowed(self) -> int:
        return 0 if any(attempt.is_suspect for attempt in self._attempts.values()) else 1

    def _start(self, job: ClaimedJob, claimed: float, chain: int = 0) -> None:
        self._put_off.discard(job.id)
        task, handler = self._crew.catalog.tasks[job.task], self._crew.handlers[job.task]
        attempt = Attempt(job, task, handler, claimed, self._crew.executor.mask, chain)
        self._attempts[job.lease] = attempt
        self._all_ended.clear()
        if not self._may_start:
            attempt.stop(Stop.RELEASE)
        running = asyncio.get_running_loop().create_task(self._crew.executor.execute(attempt), name=f"job {job.id}")
        self._tasks.add(running)  # the loop itself holds a running task only weakly
        running.add_done_callback(partial(self._ran, attempt))

    def _ran(self, attempt: Attempt, running: asyncio.Task[Outcome | None]) -> None:
        self._tasks.discard(running)
        outcome = Released() if running.cancelled() else running.result()
        if not attempt.abandoned:
            self._end(attempt, outcome)

    def _end(self, attempt: Attempt, outcome: Outcome | None) -> None:
        """Free the slot and have the outcome written, unless nothing of the attempt may be written any more."""
        del self._attempts[attempt.job.lease]
        if not self._attempts:
            self._all_ended.set()
        self.wake()
        if attempt.committed:
            self._crew.events.emit(JobSucceeded(ref(attempt.job), attempt.duration))
        elif outcome is not None:
            self._settle(attempt, outcome)

    def _settle(self, attempt: Attempt, outcome: Outcome) -> None:
        job, task, duration = attempt.job, attempt.task, attempt.duration
        transition = decide(outcome, job, task.retry, duration, self._rng)

        self._unsettled.add(job.lease)

        def written(settled: Settled) -> None:
            self._unsettled.discard(job.lease)
            self._crew.events.emit(end_event(job, outcome, settled, duration))
            if settled.next is not None:
                self._hand_over(attempt, settled.next)

        crashed, log = isinstance(outcome, Crashed), attempt.log.kept()
        next_of = job.queue if attempt.chain < CHAIN_MAX and self._may_start else None
        settlement = Settlement(job.id, job.lease, transition, task.keep, crashed, log, next_of)
        self._crew.settler.put(Ending(settlement, written))

    def _hand_over(self, ended: Attempt, job: ClaimedJob) -> None:
        """Start the job that was leased when this attempt's end was written, in the slot that it has left."""
        if self._may_start:
            self._reasons -= 1
            self._start(job, self._crew.settler.asked_at, ended.chain + 1)
        else:
            self._give_back(job.id, job.lease)
