"""The contract of a store: what every dialect promises, whatever database it speaks to.

Invariants that hold over all methods:

- Nothing acknowledged is lost: when a method that writes has returned, a crash of anything does not undo it.
- Every write of an attempt carries its lease and is refused, without an error, where the lease is not his.
- The store owns time: no method takes an instant as "now". Callers pass delays; the store adds its clock.
- No work waits for a user's transaction: claim, settle, rescue, route and their like skip what such a transaction has
  locked. What people do to one job (cancel, retry, reschedule, delete, dequeue) and a producer of the same key wait for
  it, some seconds, and then raise StoreBusy. (A SQLite file has one lock; there everybody waits `busy_timeout`.)
- Queue limits are those of the config in force, never of a job's row.

Every method may raise StoreBusy: then nothing of it was written. Or StoreUnavailable: then nothing was written either,
unless the connection was lost, or given up (StoreTimedOut), while the answer was on its way. A lease that nobody heard
of comes back by `renew`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from kongflow.core.job import Job, NewJob, UnroutedJob
from kongflow.core.queue import QueueRules
from kongflow.store.connections import CallersConnection
from kongflow.store.inspection import Inspection
from kongflow.store.overview import Overview
from kongflow.store.records import (
    Claimed,
    JobCount,
    JobFilter,
    Page,
    Pause,
    Pending,
    QueueCounts,
    Renewal,
    Rescued,
    Routed,
    RunnerInfo,
    RunnerView,
    SchemaStatus,
    Settled,
    Settlement,
)
from kongflow.store.timetable import Timetable

if TYPE_CHECKING:  # see store/connections.py; the ORM is a fifth of the start of every command
    from sqlalchemy.engine import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection


class LeaseKeeper(Protocol):
    """The heartbeat's own connection, used from the heartbeat's own thread. Nothing here is async."""

    def renew(self, leases: Sequence[int]) -> Renewal:
        """Renew the runner and say what became of `leases`. Idempotent. A runner that was declared dead and whose
        jobs were taken keeps its row, and learns here which leases it lost.
        """
        ...

    def written(self) -> int | None:
        """Return a number that changes whenever another connection writes; None where that cannot be told now. It
        waits for no lock.
        """
        ...

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        ...


class Store(Protocol):
    """One database. Safe to use from one event loop; `open` first, `close` last, both idempotent."""

    # --- life ---

    @property
    def place(self) -> str:
        """Where the jobs are kept, as it is shown: without a password."""
        ...

    @property
    def timetable(self) -> Timetable:
        """What schedules use."""
        ...

    @property
    def inspection(self) -> Inspection:
        """What `plan` looks at."""
        ...

    async def open(self, *, looking: bool = False) -> None:
        """Connect; for one who only looks without making or changing anything: he calls no method that writes before he
        has opened it without `looking`, which adds to what is open.
        Raises: StoreUnavailable with the reason in words (not a database, read-only, disk full…); SchemaMissing where
        there is not even a file to look at.
        """
        ...

    async def close(self) -> None:
        """Let running statements end and disconnect."""
        ...

    async def schema_status(self) -> SchemaStatus:
        """Compare the version table with this release; reads one row."""
        ...

    async def migrate(self) -> SchemaStatus:
        """Apply every missing migration under a lock; ten processes that call this at once migrate once.
        Raises: SchemaOutOfDate where the tables are newer than this release works with.
        """
        ...

    async def check_name(self, name: str, *, claim: bool = True) -> None:
        """Claim the tables for a deployment `name`, once; without `claim`, only compare. Raises: WrongName where they
        belong to another.
        """
        ...

    # --- adding ---

    async def insert(self, jobs: Sequence[NewJob]) -> list[Job]:
        """Add jobs in one transaction, in order: all or none. `Job.created` is False where a waiting job of the key
        was replaced or, in `unsafe_dedupe`, returned as it is. Of several jobs of one key in one call the last wins,
        and all of them return it.
        """
        ...

    def insert_in(self, connection: CallersConnection, jobs: Sequence[NewJob]) -> list[Job]:
        """As `insert`, through the caller's connection and inside its transaction, which it neither commits nor rolls
        back; in the caller's thread. Raises: WrongDatabase.
        """
        ...

    async def dequeue(self, key: str) -> Job | None:
        """Cancel the waiting job of a key (reason `request`) and return it; None where none waits. A running job is
        left alone; of several that wait, an unrouted one goes first.
        """
        ...

    def dequeue_in(self, connection: CallersConnection, key: str) -> Job | None:
        """As `dequeue`, inside the caller's transaction. Raises: WrongDatabase."""
        ...

    async def unrouted(self, runner: int, limit: int) -> list[UnroutedJob]:
        """Return unrouted jobs of tasks that the runner knows, up to `limit`, in id order from those of the last call
        on; fewer where that was the end, and the next call begins anew. What a user's transaction holds is left. One
        that the database does not let be read, or has just refused to route, says so (`refused`): leave it.
        """
        ...

    async def route(self, runner: int, routed: Sequence[Routed]) -> set[str]:
        """Write the results for jobs that are still unrouted and return their ids; `job_key` rules hold. One that the
        database refuses stays as it is, and holds up no other; a call meets only so many of them.
        """
        ...

    # --- working ---

    async def join(self, info: RunnerInfo) -> int:
        """Register a runner and publish its config; return the runner's id. The config comes into force if no live
        runner had it; a restart beside a living runner of the same config changes nothing.
        """
        ...

    async def leave(self, runner: int) -> None:
        """Unregister a runner. Jobs that it still holds count as crashed at the next rescue: release them first."""
        ...

    def lease_keeper(self, runner: int) -> LeaseKeeper:
        """Return the heartbeat's connection for this runner; it is opened by the first `renew`."""
        ...

    async def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever another process may have added jobs, until cancelled. A hint: polling finds whatever it
        misses. Returns at once where the database gives no such hints.
        """
        ...

    async def claim(self, runner: int, limit: int, suspects: int) -> Claimed:
        """Lease up to `limit` jobs to the runner, in (priority, run_at, id) order: attempt and claims counted, key
        moved away from producers, LeaseTerms written. Never more running than a queue's limit, and in a queue never a
        job while a better one waits that some live runner may take (on PostgreSQL, of two claims at the same
        moment the later may rarely come first). At most `suspects` of them are jobs that have crashed before and that
        their next crash would fail.

        A job for which the database refuses the claim is got out of the way of all others, and named: it waits for a
        while, as if it had a retry ahead, or fails where nobody can change it at all though others can be changed.
        Raises: StoreRefused where that helps nobody.
        """
        ...

    async def settle(self, runner: int, settlements: Sequence[Settlement]) -> list[Settled]:
        """Write the ends of attempts, each fenced by its lease, and hand freed queue slots on; one verdict each, in
        order. A requested cancel or a newer job of the key overrules every end but success.

        Where a settlement says `next_of`, and that queue runs one job at a time, the queue's next job may be leased to
        the runner in the same write (`Settled.next`): if its next claim would take this job first, and as a claim does.
        """
        ...

    async def asked_to_cancel(self, runner: int) -> frozenset[int]:
        """Return the leases of a runner's running jobs that somebody asked to cancel."""
        ...

    async def progress(self, id: str, lease: int, value: str) -> bool:
        """Keep a running job's progress (JSON text); False where the lease is not his."""
        ...

    async def overrunning(self, id: str, lease: int) -> bool:
        """Mark a running job as past its time limit and still going; False where the lease is not his."""
        ...

    def settle_in(self, connection: Connection, settlement: Settlement) -> Settled:
        """As `settle` for one job, inside a transaction of ours that also holds the handler's writes; the queue slot
        is handed on within one poll interval after the commit.
        """
        ...

    # --- keeping ---

    async def rescue(self, runner: int) -> list[Rescued]:
        """End the attempts of runners that were seen expired twice, one poll and at least 500 ms apart; the caller
        has renewed first. Where the clock can be set that leases go by, the caller has watched it for half of that
        lease, and for all of it since it was seen to be set. By `after_crash`. A job that the database does not move is
        left alone for a while, says why, and holds up no other; one look meets only so many of them.
        """
        ...

    async def repair(self, runner: int, limit: int) -> int:
        """Promote blocked jobs of up to `limit` queues wherever running + claimable < limit; return how many jobs
        were promoted that nothing else would have promoted. 0 in a healthy run.
        """
        ...

    async def bury(self, tombstones: Mapping[str, str | None]) -> int:
        """Move waiting jobs of tasks that are gone to their new name (as unrouted), or cancel them (reason `removed`)
        where it is None; return how many.
        """
        ...

    async def prune(self, limit: int) -> int:
        """Delete finished jobs whose retention has passed, and rows of starts, runners and configs that nobody needs.
        Up to `limit` jobs go one by one, and ten times as many starts; return how many both are: fewer than `limit`
        where nothing is left. A store may drop other jobs together, later by at most an eighth of their retention or a
        day (UTC), whichever is longer; never those that are kept for less than a day.
        """
        ...

    async def pending(self, runner: int) -> Pending:
        """Count what is left, as this runner sees it."""
        ...

    # --- looking ---

    async def get(self, id: str) -> Job | None:
        """Return a live or finished job."""
        ...

    async def list_jobs(self, filter: JobFilter, limit: int, cursor: str | None = None) -> Page:
        """Return jobs, newest first, live and finished."""
        ...

    async def count_jobs(self, filter: JobFilter) -> list[JobCount]:
        """Return how many jobs a filter means, by task and state; it reads all of them."""
        ...

    async def queue_counts(self) -> list[QueueCounts]:
        """Return the live jobs of every concrete queue, and the rule in force for each."""
        ...

    async def overview(self) -> Overview:
        """Return live jobs, runners, rules in force, pauses and schedules, all of one moment. It reads every live job
        once, in a transaction that holds nobody up; a million cost about 3 s of CPU on SQLite.
        """
        ...

    async def rules_in_force(self) -> QueueRules | None:
        """Return the queue rules of the config in force, or None before any runner has come."""
        ...

    async def runners(self) -> list[RunnerView]:
        """Return the registered runners."""
        ...

    async def await_outcome(self, id: str) -> Job | None:
        """As `get`, and note that somebody waits: the outcome stays readable for 10 minutes after the end."""
        ...

    # --- operating ---

    async def cancel(self, id: str) -> Job | None:
        """Cancel a waiting job, or ask for the cancel of a running one; a finished one is returned as it is."""
        ...

    async def retry(self, id: str, payload: str) -> Job:
        """Run a finished job again under its id, from attempt 0, with this payload; or a waiting one now. Earlier
        attempts are kept. Raises: JobNotFound; JobStateConflict where it runs, or another job holds its key.
        """
        ...

    async def run_now(self, id: str) -> Job:
        """Let a job that waits for its time or its retry start now; one that may start already keeps its place.
        Raises: JobNotFound; JobStateConflict where it runs or has ended.
        """
        ...

    async def reschedule(self, id: str, when: datetime | float) -> Job:
        """Let a waiting job start at an aware instant, or in so many seconds. One that is ready or blocked gives its
        slot and place up; an unrouted one stays unrouted. Its attempts are kept.
        Raises: JobNotFound; JobStateConflict where it runs or has ended.
        """
        ...

    async def delete(self, id: str) -> bool:
        """Delete a job that is not running; False where there is none. Raises: JobStateConflict where it runs."""
        ...

    async def pause(self, name: str, reason: str, author: str) -> None:
        """Let nothing of a queue, or of a declared pattern with all its names, start any more, in the whole cluster;
        what runs goes on. Pausing what is paused writes reason and author anew.
        """
        ...

    async def resume(self, name: str) -> bool:
        """Let a queue or pattern start jobs again; False where it was not paused."""
        ...

    async def pauses(self) -> list[Pause]:
        """Return what is paused, by name."""
        ...

    # --- the caller's own transactions ---

    def transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Open a transaction on our database for a user's writes; committed at the end, rolled back on an exception."""
        ...

    def sync_transaction(self) -> AbstractContextManager[Connection]:
        """The same for sync code, in the caller's thread."""
        ...

    # --- tests ---

    def advance(self, seconds: float, *, wall_only: bool = False) -> None:
        """Move the store's clock, for tests. `wall_only` jumps the wall clock and leaves the leases' clock alone."""
        ...
