"""The answer to INDEX_ENDPOINT: its shape checked, what it lists sorted into enabled, disabled and broken. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from catalog.eventing.filters import InvalidFilter, check_filter
from catalog.wire.shape import first_error, problem_of

SCHEMA = Path(__file__).parent / "index.schema.json"
LISTS = ("jobs", "sources", "webhooks", "dynamicTriggers", "dynamicSchedules", "httpEndpoints")

DEFAULT_QUEUE, DEFAULT_MAX_JOBS = "default", 100
"""The queue of a job that names none, and runs at once of one that names no limit: as in Trigger.dev 2.0."""


class InvalidIndex(ValueError):
    """The answer does not have the shape of an index; the text says where."""


@dataclass(frozen=True, slots=True)
class EventExampleMetadata:
    """A sample payload of a job's event."""

    id: str
    name: str
    icon: str | None
    payload: Any


@dataclass(frozen=True, slots=True)
class IntegrationMetadata:
    """A service as a job names it: by a key of its own, and by the id that jobs of an organization share."""

    key: str
    id: str
    title: str
    auth_source: str


@dataclass(frozen=True, slots=True)
class JobMetadata:
    """One job as its endpoint describes it. `event` is the specification without its examples."""

    id: str
    name: str
    version: str
    internal: bool
    start_position: str
    preprocess_runs: bool
    queue: str
    max_jobs: int
    event: Mapping[str, Any]
    examples: tuple[EventExampleMetadata, ...]
    trigger: Mapping[str, Any]
    integrations: tuple[IntegrationMetadata, ...]


@dataclass(frozen=True, slots=True)
class DynamicMetadata:
    """A dynamic trigger or a dynamic schedule, with the ids of the jobs that it starts."""

    id: str
    jobs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EndpointOffer:
    """What an endpoint offers.

    `listed_jobs` are the ids of all that it lists as enabled, the broken ones too; `listed_triggers` and
    `listed_schedules` likewise. `data` are the lists as they came.
    """

    jobs: tuple[JobMetadata, ...]
    triggers: tuple[DynamicMetadata, ...]
    schedules: tuple[DynamicMetadata, ...]
    disabled: int
    rejected: int
    issues: tuple[str, ...]
    listed_jobs: frozenset[str]
    listed_triggers: frozenset[str]
    listed_schedules: frozenset[str]
    data: Mapping[str, Sequence[Any]]


def read_index(value: Any) -> EndpointOffer:
    """Read an answer. What is broken is set aside, with an issue; of two jobs with one id and version the last counts.

    Raises: InvalidIndex where the answer as a whole is not an index.
    """
    error = first_error(Draft202012Validator(_schema()), value)
    if error is not None:
        raise InvalidIndex(f"{error.json_path}: {problem_of(error)}")
    data: dict[str, Sequence[Any]] = {name: value.get(name, []) for name in LISTS}
    issues: list[str] = []
    enabled = [job for job in data["jobs"] if job.get("enabled") is not False]
    jobs = {(each["id"], each["version"]): _job(each) for each in _sound("Job", "job", enabled, issues)}
    rejected = len(issues)
    return EndpointOffer(
        jobs=tuple(jobs.values()),
        triggers=_dynamic("Dynamic trigger", data["dynamicTriggers"], issues),
        schedules=_dynamic("Dynamic schedule", data["dynamicSchedules"], issues),
        disabled=len(data["jobs"]) - len(enabled),
        rejected=rejected,
        issues=tuple(issues),
        listed_jobs=_ids(enabled),
        listed_triggers=_ids(data["dynamicTriggers"]),
        listed_schedules=_ids(data["dynamicSchedules"]),
        data=data,
    )


def issue(kind: str, id: object, problem: str, path: str = "") -> str:
    """Say what is wrong with something of an index, in one line: `Job "a": 5 is not of type 'string' at "version"`."""
    place = f' at "{path[:200]}"' if path else ""
    text = f'{kind} "{str(id)[:200]}": {problem[:400]}{place}'
    return "".join(each if each.isprintable() else " " for each in text)


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(SCHEMA.read_text())
    return schema


def _sound(kind: str, definition: str, items: Sequence[Any], issues: list[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the items that have the shape; say of each other what is wrong with it."""
    validator = Draft202012Validator({"$ref": f"#/$defs/{definition}", "$defs": _schema()["$defs"]})
    for number, item in enumerate(items, 1):
        error = first_error(validator, item)
        if error is not None:
            path = ".".join(str(step) for step in error.absolute_path)
            issues.append(issue(kind, item.get("id", f"number {number}"), problem_of(error), path))
        elif (problem := _filter_problem(item)) is not None:
            issues.append(issue(kind, item["id"], *problem))
        else:
            yield item


def _filter_problem(item: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return what is wrong with a filter of a job's trigger, and where it is."""
    trigger = item.get("trigger", {})
    rule = trigger["rule"] if trigger.get("type") == "static" else {}
    for part in ("payload", "context"):
        try:
            check_filter(rule.get(part))
        except InvalidFilter as problem:
            return str(problem), f"trigger.rule.{part}"
    return None


def _ids(items: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(item["id"] for item in items if isinstance(item.get("id"), str))


def _dynamic(kind: str, items: Sequence[Any], issues: list[str]) -> tuple[DynamicMetadata, ...]:
    return tuple(
        DynamicMetadata(item["id"], tuple(job["id"] for job in item["jobs"]))
        for item in _sound(kind, "dynamic", items, issues)
    )


def _job(job: Mapping[str, Any]) -> JobMetadata:
    event = job["event"]
    queue, max_jobs = _queue(job)
    return JobMetadata(
        id=job["id"],
        name=job["name"],
        version=job["version"],
        internal=job.get("internal", False),
        start_position=job["startPosition"],
        preprocess_runs=job["preprocessRuns"],
        queue=queue,
        max_jobs=max_jobs,
        event={key: item for key, item in event.items() if key != "examples"},
        examples=tuple(
            EventExampleMetadata(example["id"], example["name"], example.get("icon"), example.get("payload"))
            for example in event.get("examples", [])
        ),
        trigger=job["trigger"],
        integrations=tuple(
            IntegrationMetadata(key, each["id"], each.get("metadata", {}).get("name") or each["id"], each["authSource"])
            for key, each in job.get("integrations", {}).items()
        ),
    )


def _queue(job: Mapping[str, Any]) -> tuple[str, int]:
    """Return the queue of a job and its limit: a `queue` that it shares by name, or a `concurrencyLimit`, which is its
    own, or that of a group. JSON may write a whole number as 3.0.
    """
    queue, limit = job.get("queue"), job.get("concurrencyLimit")
    if isinstance(queue, str):
        return queue, DEFAULT_MAX_JOBS
    if queue is not None:
        return queue["name"], int(queue.get("maxConcurrent", DEFAULT_MAX_JOBS))
    if isinstance(limit, dict):
        return f"group:{limit['id']}", int(limit["limit"])
    if limit is not None:
        return f"job:{job['id']}", int(limit)
    return DEFAULT_QUEUE, DEFAULT_MAX_JOBS
