"""Maintenance: what a runner does beside its jobs. Every step is bounded, and none depends on a leader."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable

from kongflow.core.catalog import Catalog
from kongflow.core.job import JobState, Reason, UnroutedJob
from kongflow.core.new_job import route
from kongflow.core.outcome import Finish
from kongflow.core.task import Keep
from kongflow.engine.chores import Chores, PeriodicWork
from kongflow.engine.events import Events, JobRefused, JobRescued, PartFailed, Repaired
from kongflow.engine.failure import Mask, attempt_error
from kongflow.engine.heartbeat import Heartbeat
from kongflow.engine.outage import Outage
from kongflow.errors import InvalidPayload, StoreError, TemplateError
from kongflow.store.base import Store
from kongflow.store.records import Rescued, Routed

ROUTE_BATCH, ROUTE_ROUNDS = 100, 20
REPAIR_BATCH = 100
PRUNE_BATCH, PRUNE_ROUNDS = 1_000, 10
RESCUE_EVERY = 1.05
"""Seconds. A dead runner is seen twice, one poll (1 s by default) apart at least: a rhythm just above it needs no third
look, so that a lost job starts within lease + 3 s.
"""
PAUSE_AFTER_BUG = 10.0
"""Seconds; a chore that fails in an unforeseen way must not keep the jobs from running, nor fill the log."""
PAUSE_BETWEEN_ROUNDS = 0.2
"""Seconds in which others get at the database, where a chore has more to do than one round takes."""
BURY_EVERY, PRUNE_EVERY = 5.0, 60.0
"""Seconds. Tombstones are laid with a deploy and retention is counted in days, so neither is in a hurry."""


class Maintenance:
    """The chores of one runner. `wake` tells the worker that there may be something to claim."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        runner: int,
        heartbeat: Heartbeat,
        outage: Outage,
        chores: Chores,
        events: Events,
        mask: Mask,
        wake: Callable[[], None],
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._runner = runner
        self._heartbeat = heartbeat
        self._outage = outage
        self._events = events
        self._mask = mask
        self._wake = wake
        self._chores = chores
        self._routing = asyncio.Lock()
        self._refused: set[str] = set()
        """Lost and unrouted jobs that the database did not move: each is told once."""
        poll, lease = catalog.runner.poll_interval, catalog.runner.lease
        if catalog.tombstones:
            chores.add("bury", BURY_EVERY, self._bury)
        chores.add("route", poll, self._route)
        chores.add("repair", poll, self._repair)
        chores.add("rescue", min(RESCUE_EVERY, lease / 5), self._rescue)
        chores.add("prune", PRUNE_EVERY, self._prune)

    async def run(self) -> None:
        """Do each chore when it is due, until cancelled."""
        while True:
            for chore in self._chores.due():
                pause = await self._do(chore)
                chore.done = time.monotonic()
                chore.due = chore.done + pause
            await self._chores.wait()

    async def make_claimable(self) -> None:
        """Do at once all that may bring jobs for this runner: tombstones, unrouted and blocked jobs."""
        await self._bury()
        await self._route()
        await self._repair()

    async def _do(self, chore: PeriodicWork) -> float:
        """Do one chore and return the seconds until it is due again."""
        chore.failed = True
        try:
            more = await chore.work()
        except StoreError as error:
            return self._outage.failed(chore.name, error)
        except Exception as error:
            self._events.emit(PartFailed(chore.name, f"{type(error).__name__}: {error}", traceback.format_exc()))
            return max(chore.every, PAUSE_AFTER_BUG)
        chore.failed = False
        self._outage.worked(chore.name)
        return min(chore.every, PAUSE_BETWEEN_ROUNDS) if more else chore.every

    async def _bury(self) -> None:
        if self._catalog.tombstones:
            await self._store.bury({name: grave.renamed_to for name, grave in self._catalog.tombstones.items()})

    async def _route(self) -> bool:
        async with self._routing:
            for _ in range(ROUTE_ROUNDS):
                if await self._route_batch() < ROUTE_BATCH:
                    return False
        return True

    async def _route_batch(self) -> int:
        unrouted = await self._store.unrouted(self._runner, ROUTE_BATCH)
        if not unrouted:
            return 0
        routable = [job for job in unrouted if not self._is_refused(job)]
        routed = [self._routed(job) for job in routable]
        written = await self._store.route(self._runner, routed) if routed else set()
        if written:
            self._wake()
            self._refused -= written
        for job, result in zip(routable, routed, strict=True):
            if result.failure is not None and job.id in written:
                self._events.emit(JobRefused(job.id, job.task, result.failure.reason or Reason.ERROR))
        return len(unrouted)

    def _is_refused(self, job: UnroutedJob) -> bool:
        """Say whether the database does not let a job be routed, and tell of it, once."""
        if job.refused is not None and job.id not in self._refused:
            what = f"job {job.id}, which was added by SQL, cannot be routed: {job.refused}"
            self._events.emit(PartFailed("route", f"{what}. Mend its row or what refuses it, or delete the job", ""))
            self._refused.add(job.id)
        return job.refused is not None

    def _routed(self, job: UnroutedJob) -> Routed:
        keep = self._catalog.tasks[job.task].keep if job.task in self._catalog.tasks else Keep.ALL
        try:
            return Routed(job.id, route(self._catalog, job), keep=keep)
        except Exception as error:
            kept = attempt_error(error, self._mask, with_traceback=False)
            about_payload = isinstance(error, (InvalidPayload, TemplateError))
            reason = Reason.INVALID_PAYLOAD if about_payload else Reason.ERROR
            return Routed(job.id, None, Finish(JobState.FAILED, reason, error=kept), keep)

    async def _repair(self) -> None:
        promoted = await self._store.repair(self._runner, REPAIR_BATCH)
        if promoted:
            self._events.emit(Repaired(promoted))
            self._wake()

    async def _rescue(self) -> None:
        if self._heartbeat.may_rescue:
            for rescued in await self._store.rescue(self._runner):
                if rescued.refused is None:
                    self._events.emit(_told(rescued))
                    self._wake()
                    self._refused.discard(rescued.id)
                elif rescued.id not in self._refused:
                    what = f"job {rescued.id} of the lost runner {rescued.runner}: {rescued.refused}"
                    self._events.emit(PartFailed("rescue", what, ""))
                    self._refused.add(rescued.id)

    async def _prune(self) -> bool:
        for _ in range(PRUNE_ROUNDS):
            if await self._store.prune(PRUNE_BATCH) < PRUNE_BATCH:
                return False
        return True


def _told(rescued: Rescued) -> JobRescued:
    end = rescued.transition
    reason = None
    if isinstance(end, Finish):
        outcome, reason = str(end.state), end.reason
    else:
        outcome = "released" if end.gives_back else "retried"
    return JobRescued(
        rescued.id, rescued.task, rescued.queue, rescued.runner, outcome, None if reason is None else str(reason)
    )
