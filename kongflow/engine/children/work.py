"""Work: what a child process does. Its main thread runs handlers, one at a time; another hears the runner."""

from __future__ import annotations

import contextvars
import faulthandler
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue

from kongflow.config.binding import Handler
from kongflow.core.duration import format_size
from kongflow.core.outcome import Outcome
from kongflow.core.retry import RetryPolicy
from kongflow.core.task import Isolation, Keep, Task
from kongflow.engine.attempt import Attempt, Stop
from kongflow.engine.children.calls import CallsToRunner
from kongflow.engine.children.channel import Channel, end_all
from kongflow.engine.children.child_log import log_to_runner
from kongflow.engine.children.limits import data_size, memory_limit
from kongflow.engine.children.wire import Message, Say, claimed_job, outcome_message
from kongflow.engine.context import SyncJobContext
from kongflow.engine.events import ref
from kongflow.engine.failure import failed_with, payload_refused, result_refused
from kongflow.engine.job_log import bind_job
from kongflow.engine.result import meaning_of
from kongflow.engine.secrets import Secrets, masking
from kongflow.errors import InvalidConfig

TRACE_SIGNAL = signal.SIGQUIT
"""Makes a child write the stack of its handler, also while C code runs; sent before it is killed."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every child finds there when it is forked."""

    config: Message
    handlers: Mapping[str, Handler]
    problems: Mapping[str, str]
    """Why a handler could not be imported, by task."""


def work(workshop: Workshop, channel: socket.socket, trace: int) -> None:
    """Run the jobs that the runner sends until it has no more; die with it. `trace`: where stacks are written to."""
    faulthandler.enable(trace, all_threads=False)
    faulthandler.register(TRACE_SIGNAL, trace, all_threads=False)
    _Child(workshop, Channel(channel)).run()


class _Child:
    def __init__(self, workshop: Workshop, channel: Channel) -> None:
        self._workshop = workshop
        self._channel = channel
        self._calls = CallsToRunner(channel, workshop.config)
        self._secrets = Secrets(workshop.config["secrets"])
        self._mask = masking(self._secrets)
        self._jobs: SimpleQueue[Message | None] = SimpleQueue()
        self._attempt: Attempt | None = None

    def run(self) -> None:
        """Run jobs until there are no more."""
        log_to_runner(self._channel, self._workshop.config["log_level"])
        threading.Thread(target=self._listen, name="kongflow-runner", daemon=True).start()
        while (job := self._jobs.get()) is not None:
            self._run(job)
            del job

    def _listen(self) -> None:
        """Hear the runner. When it is gone, this process and all that a handler has started end with it."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {TRACE_SIGNAL})  # it asks for the stack of the main thread
        with suppress(OSError):
            for message in self._channel.messages():
                match message["say"]:
                    case Say.RUN:
                        self._jobs.put(message)
                    case Say.STOP:
                        self._stop(message)
                    case Say.EXIT:
                        self._jobs.put(None)
                        return
        end_all()

    def _stop(self, message: Message) -> None:
        attempt = self._attempt
        if attempt is None or attempt.job.lease != message["lease"]:
            return
        if message["why"] is None:
            attempt.timed_out = True
        else:
            attempt.stop(Stop[message["why"]])

    def _run(self, message: Message) -> None:
        task = _task(message)
        attempt = Attempt(claimed_job(message["job"]), task, self._handler(task), claimed=0.0, mask=self._mask)
        attempt.start(None)
        self._attempt = attempt
        self._channel.send(Say.BEGUN, lease=attempt.job.lease)
        try:
            outcome, returned_nothing = contextvars.copy_context().run(self._outcome, attempt, task)
        finally:
            self._attempt = None
        with suppress(ValueError, OSError):  # a handler may have closed them
            sys.stdout.flush()
            sys.stderr.flush()
        self._channel.send(
            Say.ENDED,
            lease=attempt.job.lease,
            outcome=outcome_message(outcome),
            stopped_early=returned_nothing and attempt.noticed_stop,
            memory=data_size(),
        )

    def _outcome(self, attempt: Attempt, task: Task) -> tuple[Outcome, bool]:
        """Run the handler; return what its end means, and whether it returned None."""
        handler = attempt.handler
        bind_job(ref(attempt.job), attempt.log)
        try:
            argument = handler.convert(attempt.job.payload)
        except BaseException as error:
            return payload_refused(error, self._mask), False
        try:
            with memory_limit(task.memory_limit):
                if handler.takes_context:
                    value = handler.function(argument, SyncJobContext(attempt, self._secrets, self._calls))
                else:
                    value = handler.function(argument)
        except BaseException as error:
            if isinstance(error, MemoryError) and not error.args and task.memory_limit is not None:
                error.args = (f"more than the memory_limit of {format_size(task.memory_limit)} was asked for",)
            return failed_with(error, self._mask), False
        try:
            return meaning_of(value, task), value is None
        except BaseException as error:
            return result_refused(error, self._mask), False

    def _handler(self, task: Task) -> Handler:
        """Return the handler of a task; where it could not be imported, one that says so."""
        handler = self._workshop.handlers.get(task.name)
        if handler is not None:
            return handler
        problem = self._workshop.problems[task.name]

        def fail(_: object) -> None:
            raise InvalidConfig(f"the handler {task.handler} cannot be used in a child process: {problem}")

        return Handler(fail, is_async=False, takes_context=False)


def _task(message: Message) -> Task:
    """Return what a child has to know of a task; schemas and policies are the runner's."""
    given = message["task"]
    return Task(
        name=given["name"],
        handler=given["handler"],
        payload_schema=None,
        result_schema=None,
        retry=RetryPolicy(),
        timeout=given["timeout"],
        keep=Keep(given["keep"]),
        isolation=Isolation.PROCESS,
        memory_limit=given["memory_limit"],
    )
