"""A stage: a store with runners, jobs and a clock, in the fewest words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from kongflow.core.attempts import AttemptError
from kongflow.core.catalog import DatabaseSettings, Retention
from kongflow.core.job import ClaimedJob, Job, JobState, NewJob, Reason
from kongflow.core.outcome import Finish, RunAgain, Transition
from kongflow.core.queue import Queue, QueueFilter, QueueRules
from kongflow.core.retry import Backoff, RetryPolicy
from kongflow.core.task import JobKeyMode, Keep
from kongflow.store.base import Store
from kongflow.store.open import open_store
from kongflow.store.records import Renewal, Rescued, RunnerInfo, Settled, Settlement, TaskTerms

LEASE = 15.0
POLL = 5.0

SUCCEEDED = Finish(JobState.SUCCEEDED, result="null")
FAILED = Finish(JobState.FAILED, Reason.ERROR, error=AttemptError("ValueError", "it broke"))
RELEASED = RunAgain(0.0, gives_back=True, clears_crashes=False)
RETRIED = RunAgain(30.0, error=AttemptError("ValueError", "it broke"))


def terms(**fields: Any) -> TaskTerms:
    """What a catalog says about a task."""
    retry = RetryPolicy(
        max_attempts=fields.pop("max_attempts", 5),
        backoff=Backoff.CONSTANT,
        initial_delay=60.0,
        retry_on=fields.pop("retry_on", ("*",)),
    )
    return TaskTerms(**{"retry": retry, "crash_limit": 3, "time_limit": 600.0, "keep": Keep.ALL, **fields})


def info(
    *tasks: str,
    queues: Mapping[str, int | Queue | None] | None = None,
    serves: tuple[str, ...] = ("*",),
    forbids: tuple[str, ...] = (),
    config: str = "",
    lease: float = LEASE,
    retention: Retention | None = None,
    pid: int = 1,
    declared: str = "{}",
    ticks: bool = True,
    **task_terms: Any,
) -> RunnerInfo:
    """A runner that knows `tasks`, with one config for each set of queue limits unless `config` names another."""
    rules = {name: limit if isinstance(limit, Queue) else Queue(name, limit) for name, limit in (queues or {}).items()}
    published = {name: queue.published() for name, queue in rules.items()}
    return RunnerInfo(
        host="here",
        pid=pid,
        config_hash=config or json.dumps([published, sorted(tasks)]),
        rules=QueueRules(rules),
        tasks={task: terms(**task_terms) for task in tasks or ("work",)},
        lease=lease,
        retention=retention or Retention(),
        declared=declared,
        filter=QueueFilter(serves),
        forbidden_flags=forbids,
        ticks=ticks,
    )


def new(task: str = "work", payload: str = "{}", **fields: Any) -> NewJob:
    """A job to add; `key` and `mode` for short."""
    if "key" in fields:
        fields["job_key"] = fields.pop("key")
    if "mode" in fields:
        fields["job_key_mode"] = JobKeyMode(fields.pop("mode"))
    return NewJob(task, payload, **fields)


@dataclass
class Stage:
    """One database, seen through one store; `another` is the same database in another process's eyes."""

    settings: DatabaseSettings
    store: Store
    others: list[Store] = field(default_factory=list)

    @property
    def on_postgres(self) -> bool:
        """True where the database is PostgreSQL: instants and lists are written otherwise there."""
        return self.settings.url.startswith("postgresql")

    def table(self, name: str) -> str:
        """The name of one of our tables in SQL."""
        return f"kongflow.{name}" if self.on_postgres else f"kongflow_{name}"

    async def sql(self, statement: str, **values: Any) -> Any:
        """What a user types into a shell of the database; its first value. Parameters are `:name`."""
        async with self.store.transaction() as connection:
            result = await connection.execute(text(statement), values)
            return result.scalar() if result.returns_rows else None

    async def damage(self, id: str, sqlstate: str = "XX001") -> None:
        """Let the database refuse to move one job to the history, as it does where the row is damaged."""
        for statement in damaged(self.on_postgres, id, sqlstate):
            await self.sql(statement)

    async def another(self) -> Store:
        """Open the same database once more."""
        store = open_store(self.settings, POLL)
        await store.open()
        self.others.append(store)
        return store

    def advance(self, seconds: float, *, wall_only: bool = False) -> None:
        """Move the time, for everybody."""
        for store in (self.store, *self.others):
            store.advance(seconds, wall_only=wall_only)

    async def runner(self, *tasks: str, **fields: Any) -> int:
        """Let a runner join."""
        return await self.store.join(info(*tasks, **fields))

    async def add(self, task: str = "work", payload: str = "{}", **fields: Any) -> Job:
        """Add one job."""
        (job,) = await self.store.insert([new(task, payload, **fields)])
        return job

    async def claim(self, runner: int, limit: int = 100, suspects: int = 100) -> list[ClaimedJob]:
        """Claim."""
        return list((await self.store.claim(runner, limit, suspects)).jobs)

    async def next_due(self, runner: int) -> float | None:
        """Seconds until something may start by itself, as a claim says that finds nothing now."""
        claimed = await self.store.claim(runner, 1, 0)
        assert not claimed.jobs
        return claimed.next_due

    async def claim_ids(self, runner: int, limit: int = 100) -> list[str]:
        """Claim, and name the jobs."""
        return [job.id for job in await self.claim(runner, limit)]

    async def claim_one(self, runner: int) -> ClaimedJob:
        """Claim the only job there is."""
        (job,) = await self.claim(runner)
        return job

    async def end(
        self, runner: int, job: ClaimedJob, transition: Transition = SUCCEEDED, keep: Keep = Keep.ALL
    ) -> Settled:
        """Settle one attempt."""
        (settled,) = await self.store.settle(runner, [Settlement(job.id, job.lease, transition, keep)])
        return settled

    def renew(self, runner: int, leases: Sequence[int] = ()) -> Renewal:
        """One heartbeat."""
        keeper = self.store.lease_keeper(runner)
        try:
            return keeper.renew(leases)
        finally:
            keeper.close()

    async def lose(self, *dead: int, witness: int | None = None) -> list[Rescued]:
        """Let the leases of runners run out while a witness goes on, and let it rescue."""
        witness = await self.runner("nothing", config="witness") if witness is None else witness
        self.advance(LEASE + 1)
        self.renew(witness)
        rescued = await self.store.rescue(witness)
        self.advance(POLL)
        self.renew(witness)
        return rescued + await self.store.rescue(witness)

    async def state(self, id: str) -> str:
        """The state of a job, with the reason where it has ended badly."""
        job = await self.store.get(id)
        if job is None:
            return "gone"
        return f"{job.state}: {job.reason}" if job.reason else str(job.state)

    async def job(self, id: str) -> Job:
        """A job that must be there."""
        job = await self.store.get(id)
        assert job is not None
        return job


def damaged(on_postgres: bool, id: str, sqlstate: str = "XX001") -> tuple[str, ...]:
    """The statements that let the database refuse to move one job to the history."""
    if not on_postgres:
        broken = f"create trigger broken before insert on kongflow_history when new.id = {id}"
        return (f"{broken} begin select raise(abort, 'damaged'); end",)
    return (
        _broken(f"if new.id = {id} then raise exception 'damaged' using errcode = '{sqlstate}'; end if;"),
        "create trigger broken before insert on kongflow.history for each row execute function public.broken()",
    )


def mended(on_postgres: bool) -> str:
    """The statement that mends what `damaged` did. Of PostgreSQL's trigger only what it does: dropping it takes locks
    that meet those of a runner.
    """
    return _broken("") if on_postgres else "drop trigger broken"


def refused(on_postgres: bool, *ids: str, when: str = "new.state = 4") -> tuple[str, ...]:
    """The statements that let the database refuse to lease jobs, or another change of them."""
    which = f"new.id in ({', '.join(ids)}) and {when}"
    if not on_postgres:
        refusing = f"create trigger refusing before update on kongflow_job when {which}"
        return (f"{refusing} begin select raise(abort, 'not this one'); end",)
    return (
        "create function public.refusing() returns trigger language plpgsql as $$ begin"
        f" if {which} then raise exception 'not this one'; end if; return new; end $$",
        "create trigger refusing before update on kongflow.job for each row execute function public.refusing()",
    )


def _broken(check: str) -> str:
    function = "create or replace function public.broken() returns trigger language plpgsql as"
    return f"{function} $$ begin {check} return new; end $$"


async def add_by_sql(stage: Stage, task: str = "work", **columns: Any) -> str:
    """Add a job with a plain insert and return its id."""
    columns = {"task": task, "payload": '{"n":1}', **columns}
    names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    return str(await stage.sql(f"insert into {stage.table('job')} ({names}) values ({values}) returning id", **columns))
