"""Every exception of KongFlow: one tree, and one exit code for each class that the command line shows.

Exit codes: 1 findings or a failed operation, 2 usage, 3 could not check, 4 database schema out of date, 5 not found,
6 a plan with changes, 10 the awaited job failed, 11 the awaited job was cancelled, 124 the wait timed out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence


class KongFlowError(Exception):
    """The root of every error that KongFlow raises on purpose; its text says what, where, why and what to do."""

    exit_code = 1


# --- the configuration -----------------------------------------------------------------------------------------------


class InvalidConfig(KongFlowError):
    """The configuration cannot be worked with: findings of `validate`, a handler that cannot be imported, a secret
    without a value.
    """


class ConfigFindings(InvalidConfig):
    """The configuration has findings of severity error; the text is the report, as `kongflow validate` prints it."""


class VariableNeeded(InvalidConfig):
    """What is the same on every machine is asked for, and a value is a variable without a default."""


class ConfigUnreadable(KongFlowError):
    """A file of the configuration is missing, is a directory or may not be read."""

    exit_code = 3


# --- what a caller asks for ------------------------------------------------------------------------------------------


class UnknownTask(KongFlowError):
    """No task of this name is declared."""

    exit_code = 5


class UnknownQueue(KongFlowError):
    """No declared queue or pattern matches this queue name."""

    exit_code = 5


class UnknownRetryPolicy(KongFlowError):
    """No retry policy of this name is declared."""

    exit_code = 5


class UnknownSchedule(KongFlowError):
    """No schedule of this name is declared."""

    exit_code = 5


class JobNotFound(KongFlowError):
    """No job has this id: it never existed, or its retention has passed."""

    exit_code = 5


class InvalidOption(KongFlowError):
    """An option of a call has a value that can never work: a naive `run_at`, a priority out of range, an empty key."""

    exit_code = 2


class InvalidFilter(InvalidOption):
    """A filter cannot be read; the text says what is wrong and points at it. `column` counts from 1."""

    def __init__(self, problem: str, filter: str, column: int) -> None:
        shown = re.sub(r"\s", " ", filter)
        super().__init__(f"the filter, column {column}: {problem}\n  {shown}\n  {' ' * (column - 1)}^")
        self.column = column


class InvalidPayload(KongFlowError):
    """The payload is not JSON, or does not match the task's schema; every problem is listed with its JSON path."""

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class PayloadTooLarge(InvalidPayload):
    """The payload is over 1 MiB of JSON."""


class TemplateError(KongFlowError):
    """A template could not be rendered with this payload; no job was added."""


class JobStateConflict(KongFlowError):
    """The job is in a state that forbids the operation, such as `retry` of a running job."""


class WaitTimedOut(KongFlowError):
    """The awaited job did not end in time; it goes on."""

    exit_code = 124


# --- the database ----------------------------------------------------------------------------------------------------


class StoreError(KongFlowError):
    """The database could not do what was asked."""

    exit_code = 3


class StoreBusy(StoreError):
    """Another transaction held the database longer than the time that we wait for it."""


class TransactionAborted(StoreError):
    """A statement of the transaction in `connection=` has failed before, so it takes no more; nothing was written."""


class StoreUnavailable(StoreError):
    """The database cannot be reached, opened, read or written."""


class StoreTimedOut(StoreUnavailable):
    """The database did not answer within the time that a statement may take."""


class StoreRefused(StoreError):
    """The database answered, and would not do it: a value that it does not hold, a trigger, a damaged row. Trying again
    does not help.
    """


class StoreReplaced(StoreUnavailable):
    """The database is not the one that was opened: its file was deleted, or another stands in its place."""


class StoreForbidden(StoreUnavailable):
    """The user of the database may not do that: a GRANT is missing."""


class SchemaOutOfDate(StoreError):
    """The tables are older than this release and `migrate` is manual, or newer than this release works with."""

    exit_code = 4


class SchemaMissing(SchemaOutOfDate):
    """There are no tables yet, and none are made: `migrate` is manual, or the call only looks."""


class WrongDatabase(StoreError):
    """The connection that was passed belongs to another database than the one that this KongFlow works on."""

    exit_code = 2


class WrongName(StoreError):
    """The tables belong to a deployment with another `name`; use another `database.schema`."""

    exit_code = 1


class LeaseLost(KongFlowError):
    """The job was given to another runner; nothing of this attempt may be written any more."""


class NotInitialized(KongFlowError):
    """The call needs `initialize()` first, or came after `stop()`."""


# --- what a handler meets or raises ----------------------------------------------------------------------------------


class TimedOut(KongFlowError):
    """The attempt ran longer than its task's `timeout`; named in `retry_on` and `give_up_on` as `kongflow.TimedOut`."""


class InvalidResult(InvalidPayload):
    """What a handler returned cannot be kept: not JSON, too large, or against the task's `result`."""


class GiveUp(KongFlowError):
    """Raised by a handler: fail the job at once, whatever attempts are left, with reason `gave_up`."""
