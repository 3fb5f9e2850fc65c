"""Completion: the end of a job inside its own transaction, as the last thing that the transaction does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kongflow.core.job import JobState
from kongflow.core.outcome import Finish
from kongflow.core.task import Task
from kongflow.engine.attempt import Attempt
from kongflow.errors import JobStateConflict, LeaseLost, TimedOut
from kongflow.store.records import Settled, Settlement

if TYPE_CHECKING:  # see store/connections.py
    from sqlalchemy.engine import Connection


class Settles(Protocol):
    """What can write the end of a job inside a transaction, and knows which results are kept."""

    def settle_in(self, connection: Connection, settlement: Settlement) -> Settled:
        """See Store.settle_in."""
        ...

    def result_text(self, value: object, task: Task) -> str:
        """Return the JSON text that is kept of a result. Raises: InvalidResult."""
        ...


class Completion:
    """Completes one attempt in a transaction: fenced, and from then on decided by the commit alone. One that was rolled
    back has left nothing, and another may be opened.
    """

    def __init__(self, attempt: Attempt, settles: Settles) -> None:
        self._attempt = attempt
        self._settles = settles
        self._result: object = None
        self._text = "null"

    def open(self) -> None:
        """Refuse a transaction inside another, and one after the commit. Raises: JobStateConflict."""
        if self._attempt.committed:
            raise JobStateConflict(
                f"job {self._attempt.job.id} was completed by its transaction; there is nothing left to complete"
            )
        if self._attempt.in_transaction:
            raise JobStateConflict(f"job {self._attempt.job.id} is inside its transaction; there is one at a time")
        self._attempt.in_transaction = True

    def result(self, value: object) -> None:
        """Set what the job's result will be; without it the result is null. Raises: InvalidResult."""
        self._settles.result_text(value, self._attempt.task)
        self._result = value

    def begin(self) -> None:
        """Nothing interrupts the attempt from here to the commit. Raises: InvalidResult; TimedOut."""
        if self._attempt.timed_out:
            raise TimedOut(f"job {self._attempt.job.id} is past its timeout; its transaction was rolled back")
        self._text = self._settles.result_text(self._result, self._attempt.task)
        self._attempt.completing = True

    def fence(self, connection: Connection) -> None:
        """Write the end of the job where its lease still holds. Raises: LeaseLost, which rolls everything back."""
        job = self._attempt.job
        end = Finish(JobState.SUCCEEDED, result=self._text)
        settlement = Settlement(job.id, job.lease, end, self._attempt.task.keep, log=self._attempt.log.kept())
        settled = self._settles.settle_in(connection, settlement)
        if settled.lost:
            raise LeaseLost(f"job {job.id} was given to another runner; its transaction was rolled back")

    def abandon(self) -> None:
        """The transaction was rolled back: the attempt goes on, and ends where it was told to meanwhile."""
        was_completing = self._attempt.completing
        self._attempt.completing = self._attempt.in_transaction = False
        if was_completing and self._attempt.stopping:
            self._attempt.interrupt_soon()

    def committed(self) -> None:
        """The job is completed; a stop that came during the commit is told to the handler now."""
        self._attempt.committed = True
        self._attempt.completing = self._attempt.in_transaction = False
        if self._attempt.stopping:
            self._attempt.interrupt()
