"""Child: one child process as its runner sees it. It runs one job at a time, and dies alone."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kongflow.core.job import ClaimedJob
from kongflow.core.json import Json
from kongflow.core.outcome import Outcome
from kongflow.engine.attempt import Attempt, Stop
from kongflow.engine.children.child_log import record_of
from kongflow.engine.children.wire import Lines, Message, Say, line_of, outcome
from kongflow.engine.children.work import TRACE_SIGNAL
from kongflow.engine.death import how_it_died
from kongflow.engine.job_log import keep

RELEASE_GRACE = 1.0
"""Seconds that a handler has whose job is given back, or belongs to another runner already. A runner that cannot renew
stops its jobs 1.5 s before a lease of 15 s ends; the end of a run may leave them less."""
TRACE_TIME = 0.1
"""Seconds that a child has to write its stack before it is killed."""
LAST_WORDS = 0.2
"""Seconds in which the line of a dead child is read to its end, where a process that it has forked keeps it open."""
_MAX_TRACE = 65_536
_OWN_FRAMES = str(Path(__file__).parent)
_PROGRAM_FRAME = 'File "<string>", line 5 in <module>'
"""The program that `forkserver.py` starts."""


@dataclass(frozen=True, slots=True)
class ChildEnd:
    """How a job ended in a child: with the outcome of its handler, or, where that is None, with the child."""

    outcome: Outcome | None = None
    stopped_early: bool = False
    """The handler has read `job.cancelled` as true and returned None."""
    died: str = ""
    """How the child died, in words."""
    killed: bool = False
    """We have killed it."""
    began: bool = True
    """False where the child died before it called the handler."""
    stack: str = ""
    """Where the handler was when the child died, if it could still say so."""


@dataclass(slots=True)
class _Call:
    attempt: Attempt
    ended: asyncio.Future[ChildEnd]
    context: contextvars.Context
    began: bool = False
    killing: asyncio.TimerHandle | None = None


class Child(asyncio.Protocol):
    """The runner's end of a child. `send_signal` signals it, `answer` answers what its handler asks, and `buried` is
    called when it is dead and nothing more is to be heard of it.
    """

    def __init__(
        self,
        pid: int,
        trace: int,
        send_signal: Callable[[int], None],
        answer: Callable[[Message], Coroutine[Any, Any, Message]],
        buried: Callable[[Child], object],
    ) -> None:
        self.pid = pid
        self.jobs = 0
        """Jobs that it was given."""
        self.memory = 0
        """Bytes that it held after its last job; 0 before."""
        self._trace = trace
        self._send_signal = send_signal
        self._answer = answer
        self._buried = buried
        self._loop = asyncio.get_running_loop()
        self._lines = Lines()
        self._call: _Call | None = None
        self._killed = False
        self._death: int | None = None
        self._asked: set[asyncio.Task[None]] = set()
        self._transport: asyncio.Transport | None = None
        self._hung_up = False

    @property
    def is_usable(self) -> bool:
        """True where it can run a job: it is neither dead nor about to be killed."""
        return self._death is None and not self._killed

    async def run(self, attempt: Attempt, payload: Json) -> ChildEnd:
        """Run a job and say how it ended."""
        self.jobs += 1
        call = self._call = _Call(attempt, self._loop.create_future(), contextvars.copy_context())
        job, task = attempt.job, attempt.task
        self._send(
            Say.RUN,
            job={**_fields(job), "payload": payload},
            task={
                "name": task.name,
                "handler": task.handler,
                "timeout": task.timeout,
                "keep": task.keep,
                "memory_limit": task.memory_limit,
            },
        )
        try:
            return await call.ended
        finally:
            self._call = None
            if call.killing is not None:
                call.killing.cancel()

    def interrupt(self, attempt: Attempt) -> None:
        """Ask the handler to end, and kill the child when its time for that is over."""
        call = self._call
        if call is None or call.attempt is not attempt:
            return
        reason = attempt.stop_reason
        self._send(Say.STOP, lease=attempt.job.lease, why=None if reason is None else reason.name)
        grace = attempt.task.cancel_grace
        if reason in (Stop.RELEASE, Stop.LOST):
            grace = min(grace, RELEASE_GRACE)
        if call.killing is None or call.killing.when() > self._loop.time() + grace:
            if call.killing is not None:
                call.killing.cancel()
            call.killing = self._loop.call_later(grace, self._kill_with_stack)

    def kill(self) -> None:
        """End the process at once, and whatever its handler has started."""
        self._killed = True
        self._send_signal(signal.SIGKILL)

    def retire(self) -> None:
        """Let the process end: it gets no more jobs."""
        self._send(Say.EXIT)

    def died(self, code: int) -> None:
        """The process has ended. What it said before is heard first."""
        if self._death is not None:
            return
        self._death = code
        if self._hung_up:
            self.bury()
        else:
            self._loop.call_later(LAST_WORDS, self.bury)

    def bury(self) -> None:
        """The process is dead: hear no more of it, and end its job with it."""
        trace, self._trace = self._trace, -1
        if trace < 0:
            return
        stack = ""
        with suppress(OSError):
            stack = os.read(trace, _MAX_TRACE).decode(errors="replace")
        os.close(trace)
        if self._transport is not None:
            self._transport.close()
        if self._call is not None:
            assert self._death is not None
            how = _how_it_died(self._death)
            self._end(ChildEnd(died=how, killed=self._killed, began=self._call.began, stack=_without_own_frames(stack)))
        self._buried(self)

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the line."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hear the child."""
        for message in self._lines.feed(data):
            self._hear(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """The line is closed: the process has ended, or closed what is not its own, and ends now."""
        self._hung_up = True
        if self._death is not None:
            self.bury()
        else:
            self._send_signal(signal.SIGKILL)

    # --- inside ---

    def _hear(self, message: Message) -> None:
        call = self._call
        match message["say"]:
            case Say.ASK:
                asked = self._loop.create_task(self._answered(message))
                self._asked.add(asked)
                asked.add_done_callback(self._asked.discard)
            case Say.LOG:
                context = contextvars.copy_context() if call is None else call.context
                context.run(_log, message["record"])
            case _ if call is None:
                return
            case Say.BEGUN:
                call.began = True
            case Say.COMPLETING:
                call.attempt.completing = message["value"]
            case Say.COMMITTED:
                call.attempt.committed = True
                call.attempt.completing = False
            case Say.ENDED if message["lease"] == call.attempt.job.lease:
                self.memory = message["memory"]
                self._end(ChildEnd(outcome(message["outcome"]), message["stopped_early"]))

    def _kill_with_stack(self) -> None:
        """End the process; it says first where its handler is. Should that end meanwhile, the process ends all the
        same.
        """
        self._killed = True
        self._send_signal(TRACE_SIGNAL)
        self._loop.call_later(TRACE_TIME, self.kill)

    async def _answered(self, message: Message) -> None:
        self._send(Say.ANSWER, number=message["number"], **await self._answer(message))

    def _end(self, ended: ChildEnd) -> None:
        if self._call is not None and not self._call.ended.done():
            self._call.ended.set_result(ended)

    def _send(self, say: Say, **values: object) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(line_of(say, **values))


def _fields(job: ClaimedJob) -> Mapping[str, Any]:
    return {field.name: getattr(job, field.name) for field in fields(job)}


def _log(message: Message) -> None:
    record = record_of(message)
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        keep(record)
        logger.handle(record)


def _how_it_died(code: int) -> str:
    return f"its child process {how_it_died(code)}{' in the middle of the job' if code >= 0 else ''}"


def _without_own_frames(stack: str) -> str:
    """Leave out of a stack what faulthandler says of our own modules and of extensions."""
    lines = stack.partition("\nExtension modules:")[0].splitlines()
    return "\n".join(line for line in lines if _OWN_FRAMES not in line and _PROGRAM_FRAME not in line).strip()
