"""`kongflow config`: the configuration as it is understood, every default filled in, nothing secret in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
import yaml

from kongflow.cli.options import CONFIG, MASK, config_option, epilogue, json_option, load_catalog, masked_url
from kongflow.cli.output import emit_json, escape
from kongflow.config.environment import unfill
from kongflow.config.yaml_values import scalar
from kongflow.core.catalog import Catalog, Secret
from kongflow.core.cron import Cron
from kongflow.core.duration import format_duration, format_size, parse_duration
from kongflow.core.json import Json
from kongflow.core.queue import Queue
from kongflow.core.retry import RetryPolicy
from kongflow.core.schedule import Catchup, Every, Schedule, Timing
from kongflow.core.schema import PayloadSchema
from kongflow.core.task import Task
from kongflow.core.template import Template


class Seconds(float):
    """A duration: seconds in JSON, with its units in YAML."""


@click.command(
    "config",
    epilog=epilogue(
        """
        kongflow config
        kongflow config --json | jq .tasks.startRun.retry
        """,
        CONFIG,
    ),
)
@json_option
@config_option
def command(as_json: bool, config: Path) -> None:
    """Show the configuration with every default filled in.

    Secrets and passwords in URLs are masked.
    """
    resolved = resolve(load_catalog(config))
    if as_json:
        emit_json(resolved)
    else:
        click.echo(escape(_yaml(resolved), keep_layout=True), nl=False)


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


class _Dumper(yaml.SafeDumper):
    """Writes `Seconds` with their units, text so that it is read as text again, and everything in full."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # PyYAML quotes by YAML 1.1, kongflow.yaml is YAML 1.2; and what a terminal would obey has escapes in quotes only.
    is_plain = scalar(text) == text and escape(text) == text
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else '"')


def _write_seconds(dumper: yaml.SafeDumper, seconds: Seconds) -> yaml.ScalarNode:
    return dumper.represent_str(_with_units(seconds))


_Dumper.add_representer(str, _write_text)
_Dumper.add_representer(Seconds, _write_seconds)


def _with_units(seconds: float) -> str:
    """Return a duration exactly: what has no whole milliseconds is written in seconds."""
    text = format_duration(seconds)
    return text if parse_duration(text) == seconds else f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def _yaml(resolved: Json) -> str:
    return yaml.dump(_unfilled(resolved), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _unfilled(value: Json) -> Json:
    """Return a value with every text written so that no variable is seen in it."""
    match value:
        case str():
            return unfill(value)
        case dict():
            return {key: _unfilled(item) for key, item in value.items()}
        case list():
            return [_unfilled(item) for item in value]
    return value
