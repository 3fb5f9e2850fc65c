"""The resolved configuration: a catalog in the shape of kongflow.yaml, nothing secret in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kongflow.cli.options import MASK, masked_url
from kongflow.core.catalog import Catalog, Secret
from kongflow.core.cron import Cron
from kongflow.core.duration import format_size
from kongflow.core.json import Json
from kongflow.core.queue import Queue
from kongflow.core.retry import RetryPolicy
from kongflow.core.schedule import Catchup, Every, Schedule, Timing
from kongflow.core.schema import PayloadSchema
from kongflow.core.task import Task
from kongflow.core.template import Template


class Seconds(float):
    """A duration: seconds in JSON, with its units in YAML."""


def resolve(catalog: Catalog) -> dict[str, Json]:
    """Return the configuration in the shape of kongflow.yaml, durations as `Seconds`."""
    database, runner, retention = catalog.database, catalog.runner, catalog.retention
    return {
        "version": 1,
        "name": catalog.name,
        "description": catalog.description,
        "database": {
            "url": masked_url(database.url),
            "schema": database.schema,
            "pool_size": database.pool_size,
            "migrate": database.migrate,
            "pooler": database.pooler,
        },
        "secrets": {name: _secret(secret) for name, secret in catalog.secrets.items()},
        "runner": {
            "concurrency": runner.concurrency,
            "poll_interval": Seconds(runner.poll_interval),
            "queues": list(runner.queues),
            "forbidden_flags": list(runner.forbidden_flags),
            "heartbeat": Seconds(runner.heartbeat),
            "lease": Seconds(runner.lease),
            "shutdown_timeout": Seconds(runner.shutdown_timeout),
            "stall_limit": "off" if runner.stall_limit is None else Seconds(runner.stall_limit),
            **({} if runner.max_jobs_per_child is None else {"max_jobs_per_child": runner.max_jobs_per_child}),
        },
        "retry_policies": {name: _policy(policy) for name, policy in catalog.retry_policies.items()},
        "queues": {name: _queue(queue) for name, queue in catalog.queues.queues.items()},
        "tasks": {name: _task(task) for name, task in catalog.tasks.items()} | _tombstones(catalog),
        "schedules": {name: _schedule(schedule) for name, schedule in catalog.schedules.items()},
        "retention": {
            "succeeded": Seconds(retention.succeeded),
            "failed": Seconds(retention.failed),
            "cancelled": Seconds(retention.cancelled),
        },
        "lint": {"strict": catalog.lint.strict, "ignore": list(catalog.lint.ignore)},
    }


def is_value(path: tuple[str, ...]) -> bool:
    """Say whether what stands at a path is one value, though it is a mapping: a schema, or a payload."""
    return len(path) == 3 and (path[0], path[2]) in {
        ("tasks", "payload"),
        ("tasks", "result"),
        ("schedules", "payload"),
    }


def values_in(resolved: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each value of a resolved configuration; a list is one value, and so is an empty mapping."""
    for key, value in resolved.items():
        below = (*path, key)
        if isinstance(value, dict) and value and not is_value(below):
            yield from values_in(value, below)
        else:
            yield below


def _secret(secret: Secret) -> Json:
    if secret.file is not None:
        return {"file": str(secret.file)}
    return {"env": secret.env} | ({} if secret.default is None else {"default": MASK if secret.default else ""})


def _policy(policy: RetryPolicy) -> Json:
    return {
        "max_attempts": policy.max_attempts,
        "backoff": str(policy.backoff),
        "initial_delay": Seconds(policy.initial_delay),
        "factor": policy.factor,
        "max_delay": Seconds(policy.max_delay),
        "jitter": policy.jitter,
        "retry_on": list(policy.retry_on),
        "give_up_on": list(policy.give_up_on),
        **({} if policy.max_duration is None else {"max_duration": Seconds(policy.max_duration)}),
    }


def _queue(queue: Queue) -> Json:
    rate = queue.rate_limit
    return _without_nothing(
        {
            "concurrency": "unlimited" if queue.concurrency is None else queue.concurrency,
            "max_active": queue.max_active,
            "rate_limit": None if rate is None else {"limit": rate.limit, "per": Seconds(rate.per)},
            "max_wait": None if queue.max_wait is None else Seconds(queue.max_wait),
            "description": queue.description or None,
        }
    )


def _task(task: Task) -> Json:
    return _without_nothing(
        {
            "handler": task.handler,
            "description": task.description or None,
            "owner": task.owner or None,
            "payload": _schema(task.payload_schema),
            "result": _schema(task.result_schema),
            "queue": _text(task.queue),
            "priority": _text(task.priority),
            "job_key": _text(task.job_key),
            "job_key_mode": str(task.job_key_mode),
            "retry": _policy(task.retry),
            "timeout": Seconds(task.timeout),
            "cancel_grace": Seconds(task.cancel_grace),
            "crash_limit": task.crash_limit,
            "flags": list(task.flags),
            "tags": list(task.tags),
            "isolation": str(task.isolation),
            "memory_limit": None if task.memory_limit is None else format_size(task.memory_limit),
            "keep": str(task.keep),
            "examples": list(task.examples),
        }
    )


def _schedule(schedule: Schedule) -> Json:
    catchup = schedule.catchup
    return _without_nothing(
        {
            **_timing(schedule.timing),
            "task": schedule.task,
            "payload": dict(schedule.payload.source),
            "overlap": str(schedule.overlap),
            "grace": Seconds(schedule.grace),
            "catchup": None
            if catchup == Catchup()
            else {"window": Seconds(catchup.window), "policy": str(catchup.policy)},
            "description": schedule.description or None,
        }
    )


def _timing(timing: Timing) -> dict[str, Json]:
    match timing:
        case Cron():
            return {"cron": timing.line, "timezone": timing.zone.key}
        case Every():
            return {"every": Seconds(timing.interval)}
    raise AssertionError(timing)


def _tombstones(catalog: Catalog) -> dict[str, Json]:
    return {
        name: {"removed": True} if tombstone.renamed_to is None else {"renamed_to": tombstone.renamed_to}
        for name, tombstone in catalog.tombstones.items()
    }


def _schema(schema: PayloadSchema | None) -> Json:
    return None if schema is None else schema.schema


def _text(template: Template | int | None) -> Json:
    return template.text if isinstance(template, Template) else template


def _without_nothing(values: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in values.items() if value is not None}
