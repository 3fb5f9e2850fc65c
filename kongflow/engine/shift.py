"""Shift: one run of a runner. Wires the parts together, waits for a reason to stop, and takes them down in order."""

from __future__ import annotations

import asyncio
import math
import time
import traceback
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from kongflow.config.binding import Handler
from kongflow.core.catalog import Catalog
from kongflow.engine.blocking import Blocking
from kongflow.engine.calls import CallsOnLoop
from kongflow.engine.cancels import watch_for_cancels
from kongflow.engine.children.pool import Children
from kongflow.engine.chores import Chores
from kongflow.engine.client import Client
from kongflow.engine.context import Surroundings
from kongflow.engine.events import Events, LeaseExpiring, PartFailed, RunnerStopped, RunnerStopping
from kongflow.engine.executor import Executor
from kongflow.engine.heartbeat import Heartbeat, Ward
from kongflow.engine.job_log import keeping_lines
from kongflow.engine.lease import Lease
from kongflow.engine.maintenance import Maintenance
from kongflow.engine.outage import Outage
from kongflow.engine.overruns import Overruns
from kongflow.engine.scheduler import Scheduler
from kongflow.engine.secrets import masking
from kongflow.engine.settler import Settler
from kongflow.engine.shutdown import CANCEL_WINDOW, drain, first_of, give_back
from kongflow.engine.stopping import Stopping
from kongflow.engine.tally import Tally
from kongflow.engine.threads import Threads
from kongflow.engine.worker import Crew, Worker
from kongflow.errors import StoreError
from kongflow.store.base import Store
from kongflow.store.records import Pending

LAST_ACTS = 0.5
"""Seconds of `shutdown_timeout` that are kept for leaving the store; a quarter of a shorter timeout."""
NOTHING_LEFT = Pending(0, 0, 0)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run ended. `later` and `others` are counted only by a run until idle."""

    exit_code: int
    """0 after a drain; 1 after overruns or an error of the runner itself, and, until idle, if any job failed, or the
    database did not take its end.
    """
    why: str
    succeeded: int
    failed: int
    retried: int
    cancelled: int
    released: int
    later: int = 0
    """Jobs that wait for their time, for their retry or for the end of a pause."""
    others: int = 0
    """Jobs that this runner does not take, and jobs that others run."""
    running_on: int = 0
    """Handlers that go on in spite of everything: threads and coroutines that only the end of the process stops."""
    unwritten: int = 0
    """Ends that the database did not take: who rescues the jobs runs them again."""


class Shift:
    """The parts of a runner that has joined as `runner`, from its first claim to its leaving."""

    def __init__(
        self,
        catalog: Catalog,
        handlers: Mapping[str, Handler],
        store: Store,
        client: Client,
        runner: int,
        stopping: Stopping,
        events: Events,
        secrets: Mapping[str, str],
        wake: Callable[[], None],
    ) -> None:
        settings = catalog.runner
        self._catalog = catalog
        self._store = store
        self._runner = runner
        self._stopping = stopping
        self._parts: list[asyncio.Task[None]] = []
        self._tally = Tally()
        self._events = Events(self._tally, events.emit)
        self._lease = Lease(settings.lease)
        self._outage = Outage(self._events)
        self._threads = Threads(asyncio.get_running_loop())
        self._overruns = Overruns(
            store, self._events, settings.concurrency, lambda why: stopping.request(why, exit_code=1)
        )
        calls = CallsOnLoop(client, store, asyncio.get_running_loop(), wake)
        surroundings = Surroundings(client, store, secrets, calls, wake)
        self._children = Children(catalog, handlers, surroundings)
        mask = masking(secrets)
        blocking = Blocking(self._events)
        executor = Executor(
            surroundings, self._threads, self._children, self._overruns, blocking, self._events, mask, settings.lease
        )
        self._settler = Settler(store, runner, self._lease, self._outage, self._events)
        chores = Chores(settings.poll_interval)
        crew = Crew(
            catalog, handlers, store, runner, self._lease, executor, self._settler, self._outage, chores, self._events
        )
        self.worker = Worker(crew)
        ward = Ward(self.worker.leases, self.worker.renewed, self._replaced)
        self._heartbeat = Heartbeat(
            store.lease_keeper(runner), self._lease, settings, ward, blocking, self._outage, self._events
        )
        self._scheduler = Scheduler(catalog, store, runner, self._outage, self._events, self.worker.wake)
        self._maintenance = Maintenance(
            catalog, store, runner, self._heartbeat, self._outage, chores, self._events, mask, self.worker.wake
        )

    async def prepare(self) -> None:
        """Return when the lease is kept and child processes can be had, or the end was asked for meanwhile.

        Raises: as `Children.start`.
        """
        await self._heartbeat.start()
        try:
            await first_of(math.inf, self._children.start(), self._stopping.requested.wait())
        except BaseException:
            await self._leave()
            await self._children.close()
            raise

    async def work(self, until_idle: bool) -> RunSummary:
        """Work until a reason to stop comes, then stop in order and say how it went. `prepare` comes first."""
        with keeping_lines():
            return await self._work(until_idle)

    async def _work(self, until_idle: bool) -> RunSummary:
        self._start("watch over the lease", self._watch_the_lease())
        self._start("settler", self._settler.run())
        maintaining = self._start("maintenance", self._maintenance.run())
        if not until_idle:
            # To the end of the drain: while this runner is there, no config that came before takes its place.
            self._start("scheduler", self._scheduler.run())
        working = self._start("worker", self.worker.run())
        self._start("watch for cancels", watch_for_cancels(self._store, self._runner, self.worker))
        self._start("listener", self._store.listen(self.worker.wake))
        if until_idle:
            self._start("watch for idleness", self._stop_when_idle())
        try:
            await self._stopping.requested.wait()
            maintaining.cancel()
            return await self._stop(working, until_idle)
        finally:
            self._heartbeat.stop()
            self._overruns.close()
            self._threads.close()
            await self._children.close()
            await self._end_parts()

    async def _end_parts(self) -> None:
        """Cancel what still runs, and wait for it for a moment.

        Each once: what was cancelled is taking its statement back, and a second cancel would cut its connection.
        """
        for part in self._parts:
            if not part.cancelling():
                part.cancel()
        await asyncio.wait(self._parts, timeout=min(LAST_ACTS, self._catalog.runner.shutdown_timeout / 4) / 2)

    def _start(self, name: str, part: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a part; if it dies of an error that nobody foresaw, the runner drains and ends with exit code 1."""

        def ended(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                trace = "".join(traceback.format_exception(error))
                self._events.emit(PartFailed(name, f"{type(error).__name__}: {error}", trace))
                self._stopping.request(f"the {name} failed", exit_code=1)

        task = asyncio.get_running_loop().create_task(part, name=f"kongflow {name}")
        task.add_done_callback(ended)
        self._parts.append(task)
        return task

    async def _stop_when_idle(self) -> None:
        """Ask for the stop when nothing is left to claim, nothing runs and nothing waits to be written."""
        while True:
            self.worker.found_nothing.clear()
            await self.worker.found_nothing.wait()
            try:
                await self._maintenance.make_claimable()
                left = await self._store.pending(self._runner)
            except StoreError as error:
                self._outage.failed("look", error)
                continue
            self._outage.worked("look")
            # What a claim under way has leased is counted nowhere until its answer is here.
            busy = self.worker.is_claiming or self.worker.running > 0 or self._settler.unwritten > 0
            if left.now == 0 and not busy:
                self._stopping.request(f"nothing is left to do{self._but_for_ends()}")
                return

    def _but_for_ends(self) -> str:
        aside = self._settler.aside
        return f", but for {aside} end{'s' * (aside > 1)} that the database does not take" if aside else ""

    async def _stop(self, working: asyncio.Task[None], until_idle: bool) -> RunSummary:
        """Claim no more, wait for what runs, give back what does not end in time, and leave."""
        timeout = self._catalog.runner.shutdown_timeout
        window, last_acts = min(CANCEL_WINDOW, timeout / 2), min(LAST_ACTS, timeout / 4)
        running, queues = self.worker.running, self._catalog.runner.queues
        self._events.emit(RunnerStopping(self._stopping.why, running, queues, within=timeout - window))
        await drain(self.worker, working, self._settler, self._stopping, timeout - window)
        running_on = await give_back(self.worker, working, self._settler, self._stopping, window - last_acts)
        left = await self._last_look(last_acts / 2) if until_idle else NOTHING_LEFT
        await first_of(time.monotonic() + last_acts / 2, self._leave())
        return self._summary(until_idle, left, running_on)

    async def _leave(self) -> None:
        self._heartbeat.stop()
        try:
            await self._store.leave(self._runner)
        except StoreError as error:
            self._outage.failed("leave", error)
        await self._heartbeat.stopped()

    async def _last_look(self, seconds: float) -> Pending:
        """Count what is left, as the runner sees it while it is still there."""
        try:
            async with asyncio.timeout(seconds):
                return await self._store.pending(self._runner)
        except (StoreError, TimeoutError):
            return NOTHING_LEFT

    async def _watch_the_lease(self) -> None:
        """Stop the own jobs before others start them; they are given back later. On the loop, where jobs are stopped,
        and by the clock: whatever a renewal waits for.
        """
        while True:
            await self._lease.over()
            if self.worker.running:
                self._events.emit(LeaseExpiring(self.worker.running))
                self.worker.release_all()
            await self._lease.kept()
            self.worker.wake()

    def _replaced(self, why: str) -> None:
        self._stopping.request(why, exit_code=1)

    def _summary(self, until_idle: bool, left: Pending, running_on: int) -> RunSummary:
        tally = self._tally
        unwritten = self._settler.unwritten + self._settler.aside
        code = 1 if until_idle and (tally.failed or unwritten) else 0
        summary = RunSummary(
            max(code, self._stopping.exit_code),
            self._stopping.why,
            tally.succeeded,
            tally.failed,
            tally.retried,
            tally.cancelled,
            tally.released,
            left.later,
            left.others,
            running_on,
            unwritten,
        )
        self._events.emit(
            RunnerStopped(summary.exit_code, tally.succeeded, tally.failed, tally.retried, tally.released)
        )
        return summary
