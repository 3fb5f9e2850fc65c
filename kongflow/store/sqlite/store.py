"""SqliteStore: the contract of store/base.py on one SQLite file. Each method hands one closure to a thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.engine import Connection

from kongflow.core.catalog import DatabaseSettings
from kongflow.core.job import Job, NewJob, UnroutedJob
from kongflow.core.queue import QueueRules
from kongflow.errors import StoreRefused
from kongflow.store import reads
from kongflow.store.base import LeaseKeeper
from kongflow.store.connections import CallersConnection
from kongflow.store.instants import to_instant
from kongflow.store.overview import Overview
from kongflow.store.records import (
    Claimed,
    JobCount,
    JobFilter,
    Page,
    Pause,
    Pending,
    QueueCounts,
    Refused,
    Rescued,
    Routed,
    RunnerInfo,
    RunnerView,
    SchemaStatus,
    Settled,
    Settlement,
    with_next,
)
from kongflow.store.refusals import MOST, Refusals
from kongflow.store.releases import refuse_newer, refuse_other_name
from kongflow.store.rows import row_id
from kongflow.store.sqlite import keeping, operating, runners, schema
from kongflow.store.sqlite.access import Access
from kongflow.store.sqlite.adding import add_jobs, dequeue_job
from kongflow.store.sqlite.address import parse_address
from kongflow.store.sqlite.claiming import Claim, ClaimedJobRow, JoinedRunner, claim_jobs, claimed_job
from kongflow.store.sqlite.ending import published_retention
from kongflow.store.sqlite.handing import hand_over
from kongflow.store.sqlite.heartbeat import LONGEST_RENEWAL, SqliteLeaseKeeper
from kongflow.store.sqlite.inspection import SqliteInspection
from kongflow.store.sqlite.refused import set_aside
from kongflow.store.sqlite.returning import give_back
from kongflow.store.sqlite.routing import Routing
from kongflow.store.sqlite.settling import settle_attempts
from kongflow.store.sqlite.tables import tables_of
from kongflow.store.sqlite.timetable import SqliteTimetable, schedule_views
from kongflow.store.sqlite.transaction import Transaction
from kongflow.store.statements import check_schema
from kongflow.store.suspects import SHORTEST_GAP, Suspects

if TYPE_CHECKING:  # it would load the ORM, a fifth of the start of every command
    from sqlalchemy.ext.asyncio import AsyncConnection


class SqliteStore:
    """Jobs in one SQLite file. `poll_interval` is the pause between two polls of a runner, in seconds."""

    def __init__(self, settings: DatabaseSettings, poll_interval: float) -> None:
        self._schema = check_schema(settings.schema)
        self._access = Access(parse_address(settings.url), self._schema, settings.pool_size)
        self._tables = tables_of(self._schema)
        self._joined: dict[int, JoinedRunner] = {}
        self._suspects = Suspects(gap=max(int(poll_interval * 1000), SHORTEST_GAP))
        self._refusals = Refusals()
        self._repaired_up_to = ""
        self._routing = Routing(self._access)
        self.timetable = SqliteTimetable(self._access)
        self.inspection = SqliteInspection(self._access)

    @property
    def place(self) -> str:
        """See Store.place."""
        return f"sqlite:///{self._access.address.path}"

    # --- life ---

    async def open(self, *, looking: bool = False) -> None:
        """See Store.open."""
        await self._access.open(looking=looking)

    async def close(self) -> None:
        """See Store.close."""
        await self._access.close()

    async def schema_status(self) -> SchemaStatus:
        """See Store.schema_status."""
        return await self._access.read(lambda connection: schema.read_status(self._access.reading(connection)))

    async def migrate(self) -> SchemaStatus:
        """See Store.migrate."""
        status = await self.schema_status()
        refuse_newer(status)
        if status.compatible:
            return status
        await asyncio.to_thread(schema.apply_migrations, self._access.address, self._schema)
        return await self.schema_status()

    async def check_name(self, name: str, *, claim: bool = True) -> None:
        """See Store.check_name."""
        found = await self._access.read(lambda connection: schema.deployment_name(self._access.reading(connection)))
        if found is None and claim:
            found = await self._access.write(lambda tx: schema.claim_name(tx, name))
        refuse_other_name(name, found, f"{self._schema}_…")

    # --- adding ---

    async def insert(self, jobs: Sequence[NewJob]) -> list[Job]:
        """See Store.insert."""
        return await self._access.write(lambda tx: add_jobs(tx, jobs))

    def insert_in(self, connection: CallersConnection, jobs: Sequence[NewJob]) -> list[Job]:
        """See Store.insert_in."""
        return self._access.in_user_transaction(connection, lambda tx: add_jobs(tx, jobs))

    async def dequeue(self, key: str) -> Job | None:
        """See Store.dequeue."""
        return await self._access.write(lambda tx: dequeue_job(tx, key))

    def dequeue_in(self, connection: CallersConnection, key: str) -> Job | None:
        """See Store.dequeue_in."""
        return self._access.in_user_transaction(connection, lambda tx: dequeue_job(tx, key))

    async def unrouted(self, runner: int, limit: int) -> list[UnroutedJob]:
        """See Store.unrouted."""
        return await self._routing.unrouted(self._joined[runner].info.tasks, limit)

    async def route(self, runner: int, routed: Sequence[Routed]) -> set[str]:
        """See Store.route."""
        return await self._routing.route(routed, self._joined[runner].info.retention)

    # --- working ---

    async def join(self, info: RunnerInfo) -> int:
        """See Store.join."""
        runner = await self._access.write(lambda tx: runners.join(tx, info))
        self._joined[runner] = JoinedRunner(info)
        return runner

    async def leave(self, runner: int) -> None:
        """See Store.leave."""
        await self._access.write(lambda tx: runners.leave(tx, runner))

    def lease_keeper(self, runner: int) -> LeaseKeeper:
        """See Store.lease_keeper."""
        patience = min(self._joined[runner].info.lease / 3, self._access.address.busy_timeout, LONGEST_RENEWAL)
        return SqliteLeaseKeeper(self._access, runner, patience)

    async def listen(self, wake: Callable[[], None]) -> None:
        """See Store.listen. A file tells nobody that it has changed."""

    async def claim(self, runner: int, limit: int, suspects: int) -> Claimed:
        """See Store.claim. A claim whose caller is cancelled gives back what it leased."""
        joined, refused = self._joined[runner], list[Refused]()
        while limit > 0 and len(refused) < MOST:
            future = self._access.submit(self._claim(joined, runner, limit, suspects))
            try:
                claim = await asyncio.shield(future)
            except asyncio.CancelledError:
                future.add_done_callback(partial(give_back, self._access))
                raise
            except StoreRefused as error:
                refused += await self._access.write(partial(self._set_aside, joined, runner, limit, suspects, error))
                continue
            if claim.leased or not claim.unfinished:
                return Claimed(tuple(map(claimed_job, claim.leased)), claim.next_due, claim.chores, refused)
        return Claimed(refused=refused)

    async def settle(self, runner: int, settlements: Sequence[Settlement]) -> list[Settled]:
        """See Store.settle."""
        joined = self._joined[runner]

        def work(tx: Transaction) -> tuple[list[Settled], list[ClaimedJobRow]]:
            settled = settle_attempts(tx, settlements, joined.info.retention)
            queues = {settlement.next_of for settlement in settlements} & tx.touched
            return settled, hand_over(tx, self._access.roster(tx), joined, runner, queues) if queues else []

        def without_next(tx: Transaction) -> tuple[list[Settled], list[ClaimedJobRow]]:
            settled = settle_attempts(tx, settlements, joined.info.retention)
            tx.note_touched()
            return settled, []

        try:
            settled, handed = await self._access.write(work)
        except StoreRefused:
            # Perhaps not an end is refused, but a job that would get a freed slot: the next claim hands that on.
            settled, handed = await self._access.write(without_next)
        return with_next(settlements, settled, [claimed_job(row) for row in handed])

    def settle_in(self, connection: Connection, settlement: Settlement) -> Settled:
        """See Store.settle_in."""
        return self._access.in_user_transaction(
            connection, lambda tx: settle_attempts(tx, [settlement], published_retention(tx))[0]
        )

    async def asked_to_cancel(self, runner: int) -> frozenset[int]:
        """See Store.asked_to_cancel."""
        return await self._access.read(lambda c: operating.asked_to_cancel(self._access.reading(c), runner))

    async def progress(self, id: str, lease: int, value: str) -> bool:
        """See Store.progress."""
        return await self._access.write(lambda tx: tx.run("progress", id=row_id(id), lease=lease, value=value) > 0)

    async def overrunning(self, id: str, lease: int) -> bool:
        """See Store.overrunning."""
        return await self._access.write(lambda tx: tx.run("overrunning", id=row_id(id), lease=lease) > 0)

    # --- keeping ---

    async def rescue(self, runner: int) -> list[Rescued]:
        """See Store.rescue. Where a lock kept everybody out, they get time to renew before anybody is called dead."""
        retention = self._joined[runner].info.retention

        def work(tx: Transaction) -> list[Rescued]:
            if time.monotonic() - self._access.writer.held_up < self._suspects.gap / 1000:
                return []
            return runners.rescue(tx, self._suspects, self._refusals, retention)

        return await self._access.write(work)

    async def repair(self, runner: int, limit: int) -> int:
        """See Store.repair."""
        after = self._repaired_up_to
        promoted, self._repaired_up_to = await self._access.write(
            lambda tx: keeping.repair_queues(tx, self._access.roster(tx), after, limit)
        )
        return promoted

    async def bury(self, tombstones: Mapping[str, str | None]) -> int:
        """See Store.bury."""

        def waiting(connection: Connection) -> list[int]:
            return keeping.jobs_to_bury(self._access.reading(connection), tombstones)

        buried = 0
        while tombstones and (ids := await self._access.read(waiting)):
            buried += await self._access.write(partial(keeping.bury_jobs, ids=ids, tombstones=tombstones))
        return buried

    async def prune(self, limit: int) -> int:
        """See Store.prune."""
        return await self._access.write(
            lambda tx: keeping.prune_finished(tx, self._access.clock.no_later_than(), limit)
        )

    async def pending(self, runner: int) -> Pending:
        """See Store.pending."""

        def work(connection: Connection) -> Pending:
            tx = self._access.reading(connection)
            return keeping.count_pending(tx, self._access.reading_roster(tx), runner)

        return await self._access.read(work)

    # --- looking ---

    async def get(self, id: str) -> Job | None:
        """See Store.get."""
        return await self._access.read(lambda connection: reads.get_job(connection, self._tables, row_id(id)))

    async def list_jobs(self, filter: JobFilter, limit: int, cursor: str | None = None) -> Page:
        """See Store.list_jobs."""
        return await self._access.read(lambda c: reads.list_jobs(c, self._tables, filter, limit, cursor))

    async def count_jobs(self, filter: JobFilter) -> list[JobCount]:
        """See Store.count_jobs."""
        return await self._access.read(lambda connection: reads.count_jobs(connection, self._tables, filter))

    async def queue_counts(self) -> list[QueueCounts]:
        """See Store.queue_counts."""

        def work(connection: Connection) -> list[QueueCounts]:
            rules = self._access.reading_roster(self._access.reading(connection)).rules
            return reads.count_queues(connection, self._tables, rules)

        return await self._access.read(work)

    async def overview(self) -> Overview:
        """See Store.overview."""

        def work(connection: Connection) -> Overview:
            connection.exec_driver_sql("begin")  # one snapshot for all that follows
            tx = self._access.reading(connection)
            return Overview(
                now=to_instant(tx.now),
                jobs=reads.count_live(connection, self._tables, to_instant(tx.now)),
                runners=tuple(runners.registered(tx)),
                rules=self._access.reading_roster(tx).rules,
                pauses=tuple(runners.paused(tx)),
                schedules=tuple(schedule_views(tx)),
            )

        return await self._access.read(work)

    async def rules_in_force(self) -> QueueRules | None:
        """See Store.rules_in_force."""
        return await self._access.read(lambda c: self._access.reading_roster(self._access.reading(c)).rules)

    async def runners(self) -> list[RunnerView]:
        """See Store.runners."""
        return await self._access.read(lambda connection: runners.registered(self._access.reading(connection)))

    async def await_outcome(self, id: str) -> Job | None:
        """See Store.await_outcome."""
        if await self._access.read(lambda c: operating.is_noted(self._access.reading(c), row_id(id))):
            return await self.get(id)
        return await self._access.write(lambda tx: operating.note_awaited(tx, row_id(id)))

    # --- operating ---

    async def cancel(self, id: str) -> Job | None:
        """See Store.cancel."""
        return await self._access.write(lambda tx: operating.cancel(tx, row_id(id)))

    async def retry(self, id: str, payload: str) -> Job:
        """See Store.retry."""
        return await self._access.write(lambda tx: operating.retry(tx, row_id(id), payload))

    async def run_now(self, id: str) -> Job:
        """See Store.run_now."""
        return await self._access.write(lambda tx: operating.reschedule(tx, row_id(id), None))

    async def reschedule(self, id: str, when: datetime | float) -> Job:
        """See Store.reschedule."""
        return await self._access.write(lambda tx: operating.reschedule(tx, row_id(id), when))

    async def delete(self, id: str) -> bool:
        """See Store.delete."""
        return await self._access.write(lambda tx: operating.delete(tx, row_id(id)))

    async def pause(self, name: str, reason: str, author: str) -> None:
        """See Store.pause."""
        await self._access.write(lambda tx: operating.pause(tx, name, reason, author))

    async def resume(self, name: str) -> bool:
        """See Store.resume."""
        return await self._access.write(lambda tx: operating.resume(tx, name))

    async def pauses(self) -> list[Pause]:
        """See Store.pauses."""
        return await self._access.read(lambda connection: runners.paused(self._access.reading(connection)))

    # --- the caller's own transactions ---

    def transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """See Store.transaction."""
        return self._access.user.open()

    def sync_transaction(self) -> AbstractContextManager[Connection]:
        """See Store.sync_transaction."""
        return self._access.user.open_sync()

    # --- tests ---

    def advance(self, seconds: float, *, wall_only: bool = False) -> None:
        """See Store.advance."""
        self._access.clock.advance(seconds, wall_only=wall_only)

    # --- inside ---

    def _claim(self, joined: JoinedRunner, runner: int, limit: int, suspects: int) -> Callable[[Transaction], Claim]:
        def work(tx: Transaction) -> Claim:
            live = self._access.roster(tx).runners.get(runner)
            if live is None:
                runners.renew(tx, runner)
                live = self._access.roster(tx).runners.get(runner)
            if live is None:
                return Claim([], unfinished=False)
            tx.run("renew_in_time", runner=runner, boot=tx.boot, mono=tx.monotonic, now=tx.now)
            return claim_jobs(tx, self._access.roster(tx), joined, live, limit, suspects)

        return work

    def _set_aside(
        self, joined: JoinedRunner, runner: int, limit: int, suspects: int, error: StoreRefused, tx: Transaction
    ) -> list[Refused]:
        roster = self._access.roster(tx)
        live = roster.runners.get(runner)
        if live is None:
            raise error
        return set_aside(tx, roster, joined, live, limit, suspects, error)
