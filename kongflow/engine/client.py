"""Client: adds jobs. Payloads are validated and templates rendered by the catalog before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, TypedDict

from kongflow.core.catalog import Catalog
from kongflow.core.job import Job, JobOptions, NewJob
from kongflow.core.json import Json
from kongflow.core.new_job import check_job_key, new_job
from kongflow.core.spelling import did_you_mean
from kongflow.core.task import JobKeyMode
from kongflow.engine.arguments import instant, integer, needed_text, text, texts
from kongflow.errors import InvalidOption, KongFlowError
from kongflow.store.base import Store
from kongflow.store.connections import run_in, sync_connection


class EnqueueOptions(TypedDict, total=False):
    """The options of one call that adds a job. None means "not given": then the catalog decides."""

    run_at: datetime | timedelta | None
    """When the job may start: an aware datetime, or a timedelta from now."""
    queue: str | None
    """A concrete queue name that a declared queue or pattern matches."""
    priority: int | None
    """Lower runs first."""
    max_attempts: int | None
    job_key: str | None
    """At most one job of a key waits; what an enqueue does then is `job_key_mode`."""
    job_key_mode: Literal["replace", "preserve_run_at", "unsafe_dedupe"] | None
    flags: Collection[str] | None
    """Only runners that do not forbid any of these take the job."""
    tags: Collection[str] | None


Addition = tuple[str, Json] | tuple[str, Json, EnqueueOptions]
"""One entry of `enqueue_many`: task, payload and, where needed, options."""


class Client:
    """Adds jobs to a store. `on_added` is called after each addition that is committed; it wakes local runners."""

    def __init__(self, catalog: Catalog, store: Store, on_added: Callable[[], None]) -> None:
        self._catalog = catalog
        self._store = store
        self._on_added = on_added

    def prepare(self, task: str, payload: Json, options: JobOptions, *, awaited: bool = False) -> NewJob:
        """Validate and render one job without writing it. `awaited`: keep its outcome readable for 10 minutes.

        Raises: UnknownTask, InvalidPayload, InvalidOption, UnknownQueue, TemplateError.
        """
        job = new_job(self._catalog, needed_text("a task's name", task), payload, options)
        return replace(job, awaited=awaited)

    def prepare_many(self, additions: Sequence[tuple[str, Json, JobOptions]]) -> list[NewJob]:
        """As `prepare` for each; the error of a bad one says which it is."""
        prepared: list[NewJob] = []
        for number, (task, payload, options) in enumerate(additions, 1):
            try:
                prepared.append(self.prepare(task, payload, options))
            except KongFlowError as error:
                error.args = (f"entry {number} of {len(additions)}: {error}",)
                raise
        return prepared

    async def add(self, jobs: Sequence[NewJob], connection: object = None) -> list[Job]:
        """Write prepared jobs in one transaction, all or none: our own, or that of `connection`."""
        if connection is not None:
            return await run_in(connection, lambda caller: self._store.insert_in(caller, jobs))
        added = await self._store.insert(jobs)
        self.added()
        return added

    def added(self) -> None:
        """Say that jobs were committed, so that local runners look at once; callable from any thread."""
        self._on_added()

    async def enqueue(self, task: str, payload: Json, options: JobOptions, connection: object = None) -> Job:
        """Add one job. Raises: as `prepare`; WrongDatabase, StoreBusy, StoreUnavailable."""
        (job,) = await self.add([self.prepare(task, payload, options)], connection)
        return job

    async def enqueue_many(
        self, additions: Sequence[tuple[str, Json, JobOptions]], connection: object = None
    ) -> list[Job]:
        """Add jobs in order and in one transaction: if any is bad, there is no row."""
        return await self.add(self.prepare_many(additions), connection)

    def enqueue_in(self, connection: object, task: str, payload: Json, options: JobOptions) -> Job:
        """As `enqueue`, in the caller's thread and inside the transaction of a connection that is not async."""
        prepared = self.prepare(task, payload, options)
        (job,) = self._store.insert_in(sync_connection(connection), [prepared])
        return job

    def enqueue_many_in(self, connection: object, additions: Sequence[tuple[str, Json, JobOptions]]) -> list[Job]:
        """As `enqueue_many`, in the caller's thread and inside the transaction of a connection that is not async."""
        prepared = self.prepare_many(additions)
        return self._store.insert_in(sync_connection(connection), prepared)

    def dequeue_in(self, connection: object, key: str) -> Job | None:
        """Cancel the waiting job of a key, in the caller's thread and inside the transaction of such a connection."""
        return self._store.dequeue_in(sync_connection(connection), check_job_key(needed_text("a job key", key)))


def job_options(given: Mapping[str, object] | EnqueueOptions) -> JobOptions:
    """Return the options of a call as the core takes them.

    Raises: InvalidOption for an unknown name, a naive `run_at`, and values of the wrong type.
    """
    for name in given:
        if name not in EnqueueOptions.__annotations__:
            raise InvalidOption(f"there is no option {name!r}{did_you_mean(name, EnqueueOptions.__annotations__)}")
    run_at = given.get("run_at")
    return JobOptions(
        run_at=None if run_at is None or isinstance(run_at, timedelta) else instant(run_at),
        delay=run_at.total_seconds() if isinstance(run_at, timedelta) else None,
        queue=text("queue", given.get("queue")),
        priority=integer("priority", given.get("priority")),
        max_attempts=integer("max_attempts", given.get("max_attempts")),
        job_key=text("job_key", given.get("job_key")),
        job_key_mode=_mode(given.get("job_key_mode")),
        flags=texts("flags", given.get("flags")),
        tags=texts("tags", given.get("tags")),
    )


def additions(jobs: Iterable[Addition]) -> list[tuple[str, Json, JobOptions]]:
    """Return the entries of `enqueue_many` as the client takes them. Raises: InvalidOption."""
    if not isinstance(jobs, Iterable):
        raise InvalidOption(f"enqueue_many takes a list of (task, payload) or (task, payload, options), not {jobs!r}")
    result: list[tuple[str, Json, JobOptions]] = []
    for number, entry in enumerate(jobs, 1):
        if not isinstance(entry, tuple) or not 2 <= len(entry) <= 3 or not isinstance((*entry, {})[2], Mapping):
            raise InvalidOption(f"entry {number} is {entry!r}; it must be (task, payload) or (task, payload, options)")
        result.append((entry[0], entry[1], job_options(entry[2] if len(entry) == 3 else {})))
    return result


def _mode(value: object) -> JobKeyMode | None:
    if value is None:
        return None
    if isinstance(value, str) and value in list(JobKeyMode):
        return JobKeyMode(value)
    known = [mode.value for mode in JobKeyMode]
    raise InvalidOption(f"job_key_mode is one of {', '.join(known)}, not {value!r}{did_you_mean(str(value), known)}")
