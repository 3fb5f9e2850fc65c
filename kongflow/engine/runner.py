"""Runner: one process that works on a store until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext

from kongflow.config.binding import Handler
from kongflow.core.catalog import Catalog
from kongflow.core.declaration import declaration
from kongflow.core.json import canonical
from kongflow.core.queue import QueueFilter
from kongflow.core.task import Isolation, Task
from kongflow.engine.attempt import START_LIMIT
from kongflow.engine.children.limits import CAN_LIMIT_MEMORY
from kongflow.engine.client import Client
from kongflow.engine.events import Events, RunnerStarted
from kongflow.engine.line import ENDED, STARTED, Line
from kongflow.engine.outage import Outage
from kongflow.engine.secrets import resolve_secrets
from kongflow.engine.shift import RunSummary, Shift
from kongflow.engine.shutdown import first_of
from kongflow.engine.signals import Signals
from kongflow.engine.stopping import Stopping
from kongflow.errors import InvalidConfig, KongFlowError, StoreBusy
from kongflow.store.base import Store
from kongflow.store.records import RunnerInfo, TaskTerms


class Runner:
    """Claims and runs the jobs of a catalog. `client` adds what handlers enqueue; `events` hears what happens."""

    def __init__(
        self, catalog: Catalog, handlers: Mapping[str, Handler], store: Store, client: Client, *, events: Events
    ) -> None:
        for name, handler in handlers.items():
            _check_isolation(catalog.task(name), handler)
        self._catalog = catalog
        self._handlers = handlers
        self._store = store
        self._client = client
        self._events = events
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: Stopping | None = None
        self._shift: Shift | None = None

    async def run(
        self, until_idle: bool = False, *, handle_signals: bool = True, line: Line | None = None
    ) -> RunSummary:
        """Work until a signal or `request_stop`; with `until_idle`, until nothing is left that it could take.

        Signals are handled in the main thread, unless `handle_signals` is false: then they belong to the application.
        `line` leads to the supervisor of this process, which then has a say beside them.
        Cancelling the call skips the drain: running jobs are cancelled and given back. Where others keep the store busy
        at the start, it tries again until they let it in. Raises: InvalidConfig where a secret has no value;
        StoreUnavailable where the store cannot be reached at the start.
        """
        if self._stopping is not None:
            raise KongFlowError("this runner runs already; one more needs a Runner of its own")
        secrets = resolve_secrets(self._catalog.secrets, os.environ)
        self._loop, stopping = asyncio.get_running_loop(), Stopping()
        self._stopping = stopping
        try:
            signals = Signals(stopping, self._catalog.runner.shutdown_timeout, self._events, line)
            with signals if handle_signals else nullcontext():
                work = self._work(stopping, secrets, until_idle, line)
                working = self._loop.create_task(work, name="kongflow runner")
                summary = await _shielded(working, stopping)
                if line is not None:
                    line.tell(ENDED)
                return summary
        finally:
            self._stopping = self._shift = None

    def request_stop(self, why: str = "stop was asked for", *, hurry: bool = False) -> None:
        """Drain and end; `hurry` gives running jobs back at once. From any thread; does nothing where nothing runs."""
        stopping = self._stopping
        if stopping is not None:
            self._on_loop(stopping.hurry if hurry else stopping.request, why)

    def wake(self) -> None:
        """Something was added in this process: look at once. From any thread; does nothing where nothing runs."""
        shift = self._shift
        if shift is not None:
            self._on_loop(shift.worker.wake)

    async def _work(
        self, stopping: Stopping, secrets: Mapping[str, str], until_idle: bool, line: Line | None
    ) -> RunSummary:
        info = self._info(until_idle)
        runner = await self._join(info, stopping)
        if runner is None:
            return RunSummary(
                stopping.exit_code, stopping.why, succeeded=0, failed=0, retried=0, cancelled=0, released=0
            )
        self._shift = shift = Shift(
            self._catalog,
            self._handlers,
            self._store,
            self._client,
            runner,
            stopping,
            self._events,
            secrets,
            self.wake,
        )
        await shift.prepare()
        self._tell_start(info)
        if line is not None:
            line.tell(STARTED)
        return await shift.work(until_idle)

    async def _join(self, info: RunnerInfo, stopping: Stopping) -> int | None:
        """Register, as soon as others do not keep the store busy; None where the end was asked for before."""
        outage = Outage(self._events)
        while not stopping.requested.is_set():
            try:
                runner = await self._store.join(info)
            except StoreBusy as error:
                pause = outage.failed("join", error)
                await first_of(time.monotonic() + pause, stopping.requested.wait())
            else:
                outage.worked("join")
                return runner
        return None

    def _info(self, until_idle: bool = False) -> RunnerInfo:
        catalog, settings = self._catalog, self._catalog.runner
        return RunnerInfo(
            host=socket.gethostname(),
            pid=os.getpid(),
            config_hash=catalog.config_hash,
            rules=catalog.queues,
            tasks={name: _terms(catalog.tasks[name]) for name in self._handlers},
            lease=settings.lease,
            retention=catalog.retention,
            declared=canonical(declaration(catalog)),
            filter=QueueFilter(settings.queues),
            forbidden_flags=settings.forbidden_flags,
            ticks=not until_idle,
        )

    def _tell_start(self, info: RunnerInfo) -> None:
        settings = self._catalog.runner
        self._events.emit(
            RunnerStarted(
                settings.queues, settings.concurrency, len(info.tasks), self._store.place, info.config_hash[:12]
            )
        )

    def _on_loop(self, call: Callable[..., object], *arguments: object) -> None:
        assert self._loop is not None
        if _running_loop() is self._loop:
            call(*arguments)
            return
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            pass  # the loop is closed, so nothing runs any more


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _terms(task: Task) -> TaskTerms:
    time_limit = START_LIMIT + task.timeout + task.cancel_grace
    return TaskTerms(task.retry, task.crash_limit, time_limit, task.keep)


def _check_isolation(task: Task, handler: Handler) -> None:
    """Refuse a handler that cannot run where its task wants it to. Raises: InvalidConfig."""
    kind = "a coroutine function" if handler.is_async else "a plain function"
    wanted = {Isolation.ASYNC: True, Isolation.THREAD: False, Isolation.PROCESS: False}
    if wanted.get(task.isolation, handler.is_async) is not handler.is_async:
        raise InvalidConfig(
            f"task {task.name!r} has `isolation: {task.isolation}`, but its handler {task.handler} is {kind}. "
            "Coroutine functions run on the loop (`async`), plain functions in threads (`thread`) or child processes "
            "(`process`)"
        )
    if task.isolation is Isolation.PROCESS and task.memory_limit is not None and not CAN_LIMIT_MEMORY:
        raise InvalidConfig(
            f"task {task.name!r} has a `memory_limit`, which this system does not enforce; run it on Linux, or delete "
            "the limit"
        )


async def _shielded(working: asyncio.Task[RunSummary], stopping: Stopping) -> RunSummary:
    """Wait for the run. A cancel of the wait becomes a hurried stop, which is waited for and then passed on."""
    cancelled: asyncio.CancelledError | None = None
    while not working.done():
        try:
            await asyncio.wait({working})
        except asyncio.CancelledError as error:
            cancelled = error
            stopping.hurry("the run was cancelled")
    if cancelled is not None:
        raise cancelled
    return working.result()
