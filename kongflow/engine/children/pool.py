"""Children: as many child processes as jobs run at once, kept for the next job. A job never waits for another."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from kongflow.core.catalog import Catalog
from kongflow.core.duration import format_size
from kongflow.core.task import Isolation
from kongflow.engine.children.child import Child
from kongflow.engine.children.forkserver import ALL, Fork, ForkServer
from kongflow.engine.children.limits import least_limit
from kongflow.engine.children.wire import Message, error_message, job_options
from kongflow.engine.context import Surroundings
from kongflow.engine.result import check_result
from kongflow.errors import InvalidConfig, KongFlowError


class Children:
    """The child processes of one runner, for the tasks of a catalog with `isolation: process` that it knows."""

    def __init__(self, catalog: Catalog, tasks: Collection[str], surroundings: Surroundings) -> None:
        self._catalog = catalog
        self._handlers = {
            name: catalog.tasks[name].handler for name in tasks if catalog.tasks[name].isolation is Isolation.PROCESS
        }
        self._surroundings = surroundings
        self._loop = asyncio.get_running_loop()
        self._starting = asyncio.Lock()
        self._server: ForkServer | None = None
        self._closed = False
        self._base = 0
        self._idle: list[Child] = []
        self._all: dict[int, Child] = {}
        self._early_deaths: dict[int, int] = {}

    async def start(self) -> None:
        """Start the fork server, if any task needs it; it imports the handlers.

        Raises: InvalidConfig where a task's `memory_limit` leaves a child no room; KongFlowError.
        """
        if self._handlers:
            await self._running()

    async def take(self, memory_limit: int | None) -> Child:
        """Return an idle child, or a new one, for one job. Raises: KongFlowError where there can be none now."""
        while self._idle:
            child = self._idle.pop()
            if child.is_usable and self._fits(child, memory_limit):
                return child
            child.retire()
        server, forked = await self._fork()
        child = Child(
            forked.pid,
            forked.trace,
            lambda number: server.signal(forked.pid, number),
            self._answer,
            self._buried,
        )
        self._all[forked.pid] = child
        await self._loop.create_unix_connection(lambda: child, sock=forked.channel)
        if forked.pid in self._early_deaths:
            child.died(self._early_deaths.pop(forked.pid))
        elif not server.is_running:
            child.died(-signal.SIGKILL)
        return child

    def give_back(self, child: Child) -> None:
        """Keep a child for the next job, unless it has run as many as it may."""
        most = self._catalog.runner.max_jobs_per_child
        if not child.is_usable:
            return
        if most is not None and child.jobs >= most:
            child.retire()
        else:
            self._idle.append(child)

    async def close(self) -> None:
        """End every child; there are no more."""
        self._closed = True
        server, self._server = self._server, None
        if server is not None:
            await server.close()
        for child in tuple(self._all.values()):
            child.bury()
        await asyncio.sleep(0)  # then the lines are closed

    def _fits(self, child: Child, memory_limit: int | None) -> bool:
        """Say whether what earlier jobs have left in a child leaves this one half of its room."""
        return memory_limit is None or child.memory - self._base <= (memory_limit - self._base) / 2

    async def _fork(self) -> tuple[ForkServer, Fork]:
        """Fork a child, once more where the server has died just now. Raises: KongFlowError."""
        server = await self._running()
        try:
            return server, await server.fork()
        except KongFlowError:
            if server.is_running:
                raise
        server = await self._running()
        return server, await server.fork()

    async def _running(self) -> ForkServer:
        async with self._starting:
            if self._closed:
                raise KongFlowError("the runner has ended")
            if self._server is None or not self._server.is_running:
                if self._server is not None:
                    await self._server.close()
                self._server = ForkServer(self._config(), self._died)
                ready = await self._server.start()
                self._base = ready["memory"]
                self._check_limits()
                _warn_of_threads(ready["threads"])
            return self._server

    def _config(self) -> Mapping[str, object]:
        catalog = self._catalog
        return {
            "path": sys.path,
            "root": str(Path(catalog.root).absolute()),
            "handlers": self._handlers,
            "database": asdict(catalog.database),
            "poll_interval": catalog.runner.poll_interval,
            "secrets": dict(self._surroundings.secrets),
            "log_level": logging.getLogger().getEffectiveLevel(),
        }

    def _check_limits(self) -> None:
        needed = least_limit(self._base)
        for name in self._handlers:
            limit = self._catalog.tasks[name].memory_limit
            if limit is not None and needed is not None and limit < needed:
                raise InvalidConfig(
                    f"task {name!r} has `memory_limit: {format_size(limit)}`, and Python with the handlers' modules "
                    f"takes {self._base >> 20} MiB of it already; write {format_size(needed)} or more"
                )

    def _died(self, pid: int, code: int) -> None:
        """A child has ended, or ALL."""
        for known in tuple(self._all) if pid == ALL else (pid,):
            child = self._all.get(known)
            if child is None:
                self._early_deaths[known] = code
                continue
            if child in self._idle:
                self._idle.remove(child)
            if pid == ALL:  # what their handlers have started is not the kernel's to end, and the server is gone
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(known, signal.SIGKILL)
            child.died(code)

    def _buried(self, child: Child) -> None:
        if self._all.get(child.pid) is child:
            del self._all[child.pid]

    async def _answer(self, asked: Message) -> Message:
        """Answer what a handler asks."""
        try:
            return {"value": await self._value(asked), "error": None}
        except Exception as error:
            return {"value": None, "error": error_message(error)}

    async def _value(self, asked: Message) -> object:
        client = self._surroundings.client
        match asked["what"]:
            case "enqueue":
                return await client.enqueue(asked["task"], json.loads(asked["payload"]), job_options(asked["options"]))
            case "prepare":
                return client.prepare(asked["task"], json.loads(asked["payload"]), job_options(asked["options"]))
            case "progress":
                return await self._surroundings.store.progress(asked["id"], asked["lease"], asked["value"])
            case "check_result":
                check_result(asked["text"], self._catalog.task(asked["task"]))
            case "wake":
                self._surroundings.wake()
        return None


def _warn_of_threads(names: list[str]) -> None:
    if names:
        logging.getLogger("kongflow").warning(
            "importing the handlers has started threads (%s), which child processes do not have; let the handler, or a "
            "function that it calls, start them",
            ", ".join(names),
        )
