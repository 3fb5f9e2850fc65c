"""Builders with defaults: a catalog and its handlers in one line, so that a test names only what it is about."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kongflow.config.binding import Handler
from kongflow.core.catalog import Catalog, DatabaseSettings, RunnerSettings, Secret
from kongflow.core.job import ClaimedJob
from kongflow.core.queue import Queue, QueueRules
from kongflow.core.retry import Backoff, RetryPolicy
from kongflow.core.schedule import Schedule
from kongflow.core.schema import PayloadSchema
from kongflow.core.task import Task, Tombstone
from kongflow.core.template import Template

AT_ONCE = RetryPolicy(backoff=Backoff.CONSTANT, initial_delay=0.0, jitter=0.0)
"""Retries without a wait."""

QUICK = RunnerSettings(poll_interval=0.05, heartbeat=0.1, lease=30.0, shutdown_timeout=4.0)
"""A runner for tests: everything that waits, waits briefly. Its lease is not over because a machine is busy."""

SHORT_LEASE = replace(QUICK, lease=2.0)
"""The same where a lease is to be over."""

TaskFields = Mapping[str, Any]


def make_task(name: str, **fields: Any) -> Task:
    """Return a task. `queue` and `job_key` are template texts, `payload` and `result` schemas, `retry` a policy."""
    retry = fields.pop("retry", AT_ONCE)
    if "max_attempts" in fields:
        retry = replace(retry, max_attempts=fields.pop("max_attempts"))
    for text in ("queue", "job_key"):
        if text in fields:
            fields[text] = Template.parse(fields[text])
    for schema in ("payload", "result"):
        fields[f"{schema}_schema"] = PayloadSchema.compile(fields.pop(schema)) if schema in fields else None
    return Task(name=name, retry=retry, **{"handler": f"handlers.{name}", **fields})


def make_catalog(
    *,
    root: Path = Path(),
    url: str = "sqlite:///kongflow.db",
    runner: RunnerSettings = QUICK,
    queues: Mapping[str, int | None] | None = None,
    secrets: tuple[Secret, ...] = (),
    tombstones: Mapping[str, str | None] | None = None,
    schedules: tuple[Schedule, ...] = (),
    **tasks: TaskFields,
) -> Catalog:
    """Return a catalog: `make_catalog(queues={"mail": 1}, send={"queue": "mail", "max_attempts": 3})`."""
    return Catalog(
        root=root,
        database=DatabaseSettings(url=url),
        runner=runner,
        queues=QueueRules({name: Queue(name, limit) for name, limit in (queues or {}).items()}),
        tasks={name: make_task(name, **fields) for name, fields in tasks.items()},
        tombstones={name: Tombstone(name, new_name) for name, new_name in (tombstones or {}).items()},
        schedules={schedule.name: schedule for schedule in schedules},
        secrets={secret.name: secret for secret in secrets},
    )


def make_handler(function: Callable[..., Any], convert: Callable[[Any], Any] = lambda payload: payload) -> Handler:
    """Return a plain function as a runner wants it."""
    return Handler(
        function=function,
        is_async=inspect.iscoroutinefunction(function),
        takes_context=len(inspect.signature(function).parameters) > 1,
        convert=convert,
    )


def make_handlers(**functions: Callable[..., Any] | Handler) -> dict[str, Handler]:
    """Return handlers by task name: `make_handlers(send=send_mail)`."""
    return {name: run if isinstance(run, Handler) else make_handler(run) for name, run in functions.items()}


def make_claimed(**fields: Any) -> ClaimedJob:
    """Return a claimed job: the first attempt of job 1 of the task `work`."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    defaults: dict[str, Any] = {
        "id": "1", "lease": 1, "task": "work", "queue": None, "priority": 0, "payload": {}, "attempt": 1,
        "max_attempts": 3, "claims": 1, "crashes": 0, "run_at": now, "created_at": now, "age": 0.0,
    }  # fmt: skip
    return ClaimedJob(**(defaults | fields))
