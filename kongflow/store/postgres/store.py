"""PostgresStore: the contract of store/base.py on one PostgreSQL database. Each method is one statement."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.engine import Connection

from kongflow.core.catalog import DatabaseSettings
from kongflow.core.job import Job, NewJob, UnroutedJob
from kongflow.core.outcome import RunAgain
from kongflow.core.queue import QueueRules
from kongflow.errors import StoreError, StoreRefused
from kongflow.store import reads
from kongflow.store.base import LeaseKeeper
from kongflow.store.connections import CallersConnection
from kongflow.store.overview import Overview
from kongflow.store.postgres import operating, schema
from kongflow.store.postgres.access import Access
from kongflow.store.postgres.adding import added_jobs, new_job_arrays
from kongflow.store.postgres.address import parse_address
from kongflow.store.postgres.claiming import Claiming
from kongflow.store.postgres.commits import Commits
from kongflow.store.postgres.heartbeat import PostgresLeaseKeeper
from kongflow.store.postgres.inspection import PostgresInspection
from kongflow.store.postgres.looking import overview, pauses_of, rules_of, runner_views
from kongflow.store.postgres.patience import PATIENCE, renewal_patience
from kongflow.store.postgres.pruning import prune
from kongflow.store.postgres.rescuing import published_terms, rescue
from kongflow.store.postgres.routing import Routing
from kongflow.store.postgres.settling import end_arrays, retention_seconds, settle, settled
from kongflow.store.postgres.tables import tables_of
from kongflow.store.postgres.timetable import PostgresTimetable
from kongflow.store.records import (
    Claimed,
    JobCount,
    JobFilter,
    Page,
    Pause,
    Pending,
    QueueCounts,
    Rescued,
    Routed,
    RunnerInfo,
    RunnerView,
    SchemaStatus,
    Settled,
    Settlement,
)
from kongflow.store.refusals import Refusals
from kongflow.store.releases import refuse_newer, refuse_other_name, status_of
from kongflow.store.rows import Row, job_of, row_id
from kongflow.store.statements import check_schema
from kongflow.store.suspects import SHORTEST_GAP, Suspects

if TYPE_CHECKING:  # it would load the ORM, a fifth of the start of every command
    from sqlalchemy.ext.asyncio import AsyncConnection

JOBS_A_SECOND = 100
"""How many jobs of one call are certainly added in a second, by a server that is very busy."""
_GIVEN_BACK = RunAgain(0.0, gives_back=True, clears_crashes=False)


class PostgresStore:
    """Jobs in one PostgreSQL database. `poll_interval` is the pause between two polls of a runner, in seconds."""

    def __init__(self, settings: DatabaseSettings, poll_interval: float) -> None:
        self._schema = check_schema(settings.schema)
        self._access = Access(parse_address(settings.url, settings.pooler), self._schema, settings.pool_size)
        self._commits = Commits()
        self._tables = tables_of(self._schema)
        self._joined: dict[int, RunnerInfo] = {}
        self._claims: dict[int, Claiming] = {}
        self._suspects = Suspects(gap=max(int(poll_interval * 1000), SHORTEST_GAP))
        self._refusals = Refusals()
        self._repaired_up_to = ""
        self._routing = Routing(self._access)
        self.timetable = PostgresTimetable(self._access)
        self.inspection = PostgresInspection(self._access)
        self._claiming: set[asyncio.Future[Claimed]] = set()
        self._giving_back: set[asyncio.Task[None]] = set()

    @property
    def place(self) -> str:
        """See Store.place."""
        return self._access.address.place

    # --- life ---

    async def open(self, *, looking: bool = False) -> None:
        """See Store.open."""
        await self._access.open()

    async def close(self) -> None:
        """See Store.close."""
        while self._claiming or self._giving_back:
            await asyncio.wait(self._claiming or self._giving_back)
        await self._access.close()

    async def schema_status(self) -> SchemaStatus:
        """See Store.schema_status."""
        if not await self._access.value("has_tables"):
            return status_of(None, None)
        ((current, oldest_release, _, _),) = await self._access.rows("deployment")
        return status_of(current, oldest_release)

    async def migrate(self) -> SchemaStatus:
        """See Store.migrate."""
        status = await self.schema_status()
        refuse_newer(status)
        if status.compatible:
            return status
        await asyncio.to_thread(schema.apply_migrations, self._access.address, self._schema)
        await self._access.learn_identity()
        return await self.schema_status()

    async def check_name(self, name: str, *, claim: bool = True) -> None:
        """See Store.check_name."""
        ((_, _, found, _),) = await self._access.rows("deployment")
        if found is None and claim:
            found = await self._access.value("claim_name", name=name)
        refuse_other_name(name, found, f"of the schema {self._schema}")

    # --- adding ---

    async def insert(self, jobs: Sequence[NewJob]) -> list[Job]:
        """See Store.insert."""
        if not jobs:
            return []
        patience = PATIENCE + len(jobs) // JOBS_A_SECOND
        rows = await self._access.rows_within(patience, "add_jobs", **self._new_jobs(jobs))
        self._access.wakeups.announce()
        return added_jobs(jobs, rows)

    def insert_in(self, connection: CallersConnection, jobs: Sequence[NewJob]) -> list[Job]:
        """See Store.insert_in."""
        if not jobs:
            return []
        rows = self._access.rows_in(connection, "add_jobs", **self._new_jobs(jobs))
        if isinstance(connection, Connection):  # psycopg says nothing of a commit: the others find out when they poll
            self._commits.announce(connection, self._access.wakeups)
        return added_jobs(jobs, rows)

    async def dequeue(self, key: str) -> Job | None:
        """See Store.dequeue."""
        id = await self._access.value("dequeue", key=key, shift=self._access.shift)
        return None if id is None else await self.get(str(id))

    def dequeue_in(self, connection: CallersConnection, key: str) -> Job | None:
        """See Store.dequeue_in."""
        id = self._access.rows_in(connection, "dequeue", key=key, shift=self._access.shift)[0][0]
        return None if id is None else _one_job(self._access.rows_in(connection, "get", id=id))

    async def unrouted(self, runner: int, limit: int) -> list[UnroutedJob]:
        """See Store.unrouted."""
        return await self._routing.unrouted(self._joined[runner].tasks, limit)

    async def route(self, runner: int, routed: Sequence[Routed]) -> set[str]:
        """See Store.route."""
        return await self._routing.route(routed, self._joined[runner].retention.failed)

    # --- working ---

    async def join(self, info: RunnerInfo) -> int:
        """See Store.join."""
        sent = self._access.clock.monotonic()
        ((runner, server_time),) = await self._access.rows(
            "join",
            host=info.host,
            pid=info.pid,
            config=info.config_hash,
            rules=json.dumps({name: queue.published() for name, queue in info.rules.queues.items()}),
            retention=retention_seconds(info.retention),
            declared=info.declared,
            serves=None if "*" in info.filter.patterns else list(info.filter.patterns),
            tasks=sorted(info.tasks),
            forbidden_flags=list(info.forbidden_flags),
            terms=json.dumps({task: published_terms(terms) for task, terms in info.tasks.items()}),
            lease=info.lease,
            ticks=info.ticks,
            shift=self._access.shift,
        )
        self._access.clock.read(server_time, sent)
        self._joined[runner] = info
        self._claims[runner] = Claiming(self._access, runner, info)
        joined: int = runner
        return joined

    async def leave(self, runner: int) -> None:
        """See Store.leave."""
        await self._access.rows("leave", runner=runner)

    def lease_keeper(self, runner: int) -> LeaseKeeper:
        """See Store.lease_keeper."""
        return PostgresLeaseKeeper(self._access, runner, renewal_patience(self._joined[runner].lease))

    async def listen(self, wake: Callable[[], None]) -> None:
        """See Store.listen."""
        await self._access.wakeups.listen(wake)

    async def claim(self, runner: int, limit: int, suspects: int) -> Claimed:
        """See Store.claim. A claim whose caller is cancelled gives back what it leased."""
        if limit < 1:
            return Claimed()
        claiming = asyncio.ensure_future(self._claims[runner].claim(limit, suspects))
        self._claiming.add(claiming)
        claiming.add_done_callback(self._claiming.discard)
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            claiming.add_done_callback(lambda claimed: self._give_back(runner, claimed))
            raise

    async def settle(self, runner: int, settlements: Sequence[Settlement]) -> list[Settled]:
        """See Store.settle."""
        info = self._joined[runner]
        return await settle(self._access, settlements, info.retention, taker=(runner, info)) if settlements else []

    def settle_in(self, connection: Connection, settlement: Settlement) -> Settled:
        """See Store.settle_in."""
        arrays = end_arrays([settlement])
        rows = self._access.rows_in(connection, "settle_in", **arrays, dead=None, shift=self._access.shift)
        return settled([settlement], rows[0][0])[0]

    async def asked_to_cancel(self, runner: int) -> frozenset[int]:
        """See Store.asked_to_cancel."""
        return frozenset(lease for (lease,) in await self._access.rows("asked_to_cancel", runner=runner))

    async def progress(self, id: str, lease: int, value: str) -> bool:
        """See Store.progress."""
        return await self._access.count("progress", id=row_id(id), lease=lease, value=value) > 0

    async def overrunning(self, id: str, lease: int) -> bool:
        """See Store.overrunning."""
        return await self._access.count("overrunning", id=row_id(id), lease=lease) > 0

    # --- keeping ---

    async def rescue(self, runner: int) -> list[Rescued]:
        """See Store.rescue."""
        return await rescue(self._access, self._suspects, self._refusals, self._joined[runner])

    async def repair(self, runner: int, limit: int) -> int:
        """See Store.repair."""
        place = {"runner": runner, "after": self._repaired_up_to, "limit": limit}
        try:
            ((promoted, reached),) = await self._access.rows("repair", **place, shift=self._access.shift)
        except StoreRefused:
            await self._access.rows("check_blocked_lanes")  # the next claims get past what is refused
            return 0
        self._repaired_up_to = reached
        count: int = promoted
        return count

    async def bury(self, tombstones: Mapping[str, str | None]) -> int:
        """See Store.bury."""
        buried, moved = 0, len(tombstones)
        while moved:
            moved = await self._access.value(
                "bury", tasks=list(tombstones), new_names=list(tombstones.values()), shift=self._access.shift
            )
            buried += moved
        return buried

    async def prune(self, limit: int) -> int:
        """See Store.prune."""
        return await prune(self._access, limit)

    async def pending(self, runner: int) -> Pending:
        """See Store.pending."""
        (counts,) = await self._access.rows("pending", runner=runner, shift=self._access.shift)
        return Pending(*counts)

    # --- looking ---

    async def get(self, id: str) -> Job | None:
        """See Store.get."""
        return _one_job(await self._access.rows("get", id=row_id(id)))

    async def list_jobs(self, filter: JobFilter, limit: int, cursor: str | None = None) -> Page:
        """See Store.list_jobs."""
        return await self._access.read(
            lambda connection: reads.list_jobs(connection, self._tables, filter, limit, cursor)
        )

    async def count_jobs(self, filter: JobFilter) -> list[JobCount]:
        """See Store.count_jobs."""
        return await self._access.read(lambda connection: reads.count_jobs(connection, self._tables, filter))

    async def queue_counts(self) -> list[QueueCounts]:
        """See Store.queue_counts."""
        rules = await self.rules_in_force()
        return await self._access.read(lambda connection: reads.count_queues(connection, self._tables, rules))

    async def overview(self) -> Overview:
        """See Store.overview."""
        return await overview(self._access, self._tables)

    async def rules_in_force(self) -> QueueRules | None:
        """See Store.rules_in_force."""
        return rules_of(await self._access.rows("rules_in_force"))

    async def runners(self) -> list[RunnerView]:
        """See Store.runners."""
        return runner_views(await self._access.rows("runners", shift=self._access.shift))

    async def await_outcome(self, id: str) -> Job | None:
        """See Store.await_outcome."""
        return _one_job(await self._access.rows("await_outcome", id=row_id(id)))

    # --- operating ---

    async def cancel(self, id: str) -> Job | None:
        """See Store.cancel."""
        return _one_job(await self._access.rows("cancel", id=row_id(id), shift=self._access.shift))

    async def retry(self, id: str, payload: str) -> Job:
        """See Store.retry."""
        return await operating.retry(self._access, id, payload)

    async def run_now(self, id: str) -> Job:
        """See Store.run_now."""
        return await operating.reschedule(self._access, id, None)

    async def reschedule(self, id: str, when: datetime | float) -> Job:
        """See Store.reschedule."""
        return await operating.reschedule(self._access, id, when)

    async def delete(self, id: str) -> bool:
        """See Store.delete."""
        return await operating.delete(self._access, id)

    async def pause(self, name: str, reason: str, author: str) -> None:
        """See Store.pause."""
        await self._access.rows("pause", name=name, reason=reason, author=author, shift=self._access.shift)

    async def resume(self, name: str) -> bool:
        """See Store.resume."""
        resumed: bool = await self._access.value("resume", name=name)
        if resumed:
            self._access.wakeups.announce()
        return resumed

    async def pauses(self) -> list[Pause]:
        """See Store.pauses."""
        return pauses_of(await self._access.rows("pauses"))

    # --- the caller's own transactions ---

    def transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """See Store.transaction."""
        return self._access.user.open()

    def sync_transaction(self) -> AbstractContextManager[Connection]:
        """See Store.sync_transaction."""
        return self._access.user.open_sync()

    # --- tests ---

    def advance(self, seconds: float, *, wall_only: bool = False) -> None:
        """See Store.advance. There is one clock here, so `wall_only` moves it like any other way."""
        self._access.shift += timedelta(seconds=seconds)

    # --- inside ---

    def _new_jobs(self, jobs: Sequence[NewJob]) -> dict[str, object]:
        return {**new_job_arrays(jobs), "awaited": [job.awaited for job in jobs], "shift": self._access.shift}

    def _give_back(self, runner: int, claimed: asyncio.Future[Claimed]) -> None:
        if claimed.cancelled() or claimed.exception() is not None or not claimed.result().jobs:
            return
        returned = [Settlement(job.id, job.lease, _GIVEN_BACK) for job in claimed.result().jobs]

        async def give_back() -> None:
            try:
                await settle(self._access, returned, self._joined[runner].retention)
            except StoreError:
                pass  # the next renewal finds leases that the runner does not know, and gives their jobs back

        task = asyncio.get_running_loop().create_task(give_back())
        self._giving_back.add(task)
        task.add_done_callback(self._giving_back.discard)


def _one_job(rows: Sequence[Row]) -> Job | None:
    return job_of(rows[0]) if rows else None
