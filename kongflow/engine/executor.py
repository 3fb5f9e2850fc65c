"""Executor: runs one attempt and says how it ended. Time limits, cancellation and exceptions all become an Outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from kongflow.core.json import Json
from kongflow.core.outcome import Crashed, Failed, Outcome, Released, Succeeded
from kongflow.core.refusals import claimed_payload
from kongflow.core.task import Isolation
from kongflow.engine.attempt import Attempt, Stop
from kongflow.engine.blocking import Blocking
from kongflow.engine.children.child import ChildEnd
from kongflow.engine.children.pool import Children
from kongflow.engine.context import JobContext, Surroundings, SyncJobContext
from kongflow.engine.endings import error_line
from kongflow.engine.events import Events, JobFailedAfterCommit, JobResultIgnored, JobStarted, PartFailed, ref
from kongflow.engine.failure import Mask, attempt_error, died, failed_with, payload_refused, result_refused, timed_out
from kongflow.engine.job_log import bind_job
from kongflow.engine.overruns import Overruns
from kongflow.engine.result import check_result, meaning_of
from kongflow.engine.threads import Ended, Threads

NO_CHILD_PAUSE = 1.0
"""Seconds that a job keeps its slot where the system gives no child process; then it is given back."""


@dataclass(frozen=True, slots=True)
class Executor:
    """Runs attempts. Never raises, whatever a handler does."""

    surroundings: Surroundings
    threads: Threads
    children: Children
    overruns: Overruns
    blocking: Blocking
    events: Events
    mask: Mask
    lease: float

    async def execute(self, attempt: Attempt) -> Outcome | None:
        """Run one attempt to its real end and return its outcome; None where nothing of it may be written any more.

        Nothing is awaited after the handler has ended, so that a cancel that comes late cannot take the outcome away.
        """
        if attempt.stopping or attempt.is_too_late(self.lease):
            return Released()
        bind_job(ref(attempt.job), attempt.log)
        in_child = attempt.task.isolation is Isolation.PROCESS
        try:
            payload = claimed_payload(attempt.task, attempt.job.payload)
            argument = payload if in_child else attempt.handler.convert(payload)
        except BaseException as error:
            return payload_refused(error, self.mask)
        if in_child:
            return await self._execute_in_child(attempt, argument)
        self._begin(attempt, _canceller() if attempt.handler.is_async else None)
        ended = await self._call(attempt, argument)
        self.overruns.ended(attempt)
        return self._outcome(attempt, ended)

    async def _execute_in_child(self, attempt: Attempt, payload: Json) -> Outcome | None:
        try:
            child = await self.children.take(attempt.task.memory_limit)
        except Exception as error:
            self.events.emit(PartFailed("child processes", f"{type(error).__name__}: {error}", ""))
            await asyncio.sleep(NO_CHILD_PAUSE)
            return Released()
        if attempt.stopping or attempt.is_too_late(self.lease):
            self.children.give_back(child)
            return Released()
        self._begin(attempt, lambda: child.interrupt(attempt), child.kill)
        ended = await child.run(attempt, payload)
        self.children.give_back(child)
        self.overruns.ended(attempt)
        return self._outcome_of_child(attempt, ended)

    def _begin(
        self, attempt: Attempt, interrupt: Callable[[], object] | None, kill: Callable[[], object] | None = None
    ) -> None:
        self.events.emit(JobStarted(ref(attempt.job)))
        attempt.start(interrupt, kill)
        self.overruns.watch(attempt)

    async def _call(self, attempt: Attempt, argument: Json) -> Ended:
        function, takes_context = attempt.handler.function, attempt.handler.takes_context
        try:
            if attempt.handler.is_async:
                arguments = (argument, JobContext(attempt, self.surroundings)) if takes_context else (argument,)
                with self.blocking:
                    return Ended(await function(*arguments))
            sync_arguments = (argument, self._sync_context(attempt)) if takes_context else (argument,)
            return await self.threads.run(lambda: function(*sync_arguments), attempt.runs_in)
        except BaseException as error:
            return Ended(error=error)

    def _sync_context(self, attempt: Attempt) -> SyncJobContext:
        return SyncJobContext(attempt, self.surroundings.secrets, self.surroundings.calls)

    def _outcome(self, attempt: Attempt, ended: Ended) -> Outcome | None:
        if attempt.committed:
            self._tell_what_comes_too_late(attempt, ended)
            return None
        if attempt.stop_reason is Stop.LOST:
            return None
        if attempt.timed_out:
            return timed_out(attempt.task)
        if ended.error is not None:
            return Released() if _obeyed(attempt, ended.error) else failed_with(ended.error, self.mask)
        if ended.value is None and attempt.noticed_stop:
            return Released()
        try:
            return meaning_of(ended.value, attempt.task)
        except BaseException as error:
            return result_refused(error, self.mask)

    def _outcome_of_child(self, attempt: Attempt, ended: ChildEnd) -> Outcome | None:
        """As `_outcome`, of a handler in a child process. One that we have killed has obeyed; any other death is a
        crash.
        """
        stack = self.mask(ended.stack)
        outcome = ended.outcome or died(ended.died, attempt.job.crashes + 1, attempt.task.crash_limit, stack)
        if attempt.committed:
            self._tell_of_child_too_late(attempt, outcome)
            return None
        if attempt.stop_reason is Stop.LOST:
            return None
        if not ended.began or ended.stopped_early:
            return Released()
        if attempt.timed_out:
            return timed_out(attempt.task, stack)
        if attempt.stop_reason is not None and ended.killed:
            return Released()
        if isinstance(outcome, Failed) and attempt.stop_reason is Stop.RELEASE:
            return Released()
        try:
            if isinstance(outcome, Succeeded):
                check_result(outcome.result, attempt.task)
        except BaseException as error:
            return result_refused(error, self.mask)
        return outcome

    def _tell_of_child_too_late(self, attempt: Attempt, outcome: Outcome) -> None:
        if isinstance(outcome, Failed | Crashed):
            self.events.emit(JobFailedAfterCommit(ref(attempt.job), error_line(outcome.error)))
        elif outcome != Succeeded("null"):
            self.events.emit(JobResultIgnored(ref(attempt.job)))

    def _tell_what_comes_too_late(self, attempt: Attempt, ended: Ended) -> None:
        """The job's own transaction has completed it; its result is what `tx.result()` said."""
        if ended.error is not None:
            kept = attempt_error(ended.error, self.mask)
            self.events.emit(JobFailedAfterCommit(ref(attempt.job), error_line(kept)))
        elif ended.value is not None:
            self.events.emit(JobResultIgnored(ref(attempt.job)))


def _canceller() -> Callable[[], object] | None:
    task = asyncio.current_task()
    return None if task is None else task.cancel


def _obeyed(attempt: Attempt, error: BaseException) -> bool:
    """Say whether the attempt ended because it was told to: then it did not fail, it is given back."""
    if attempt.stop_reason is None:
        return False
    return isinstance(error, asyncio.CancelledError) or attempt.stop_reason is not Stop.CANCEL
