"""The answer to INDEX_ENDPOINT: its shape checked, its jobs sorted into enabled, disabled and broken ones. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

SCHEMA = Path(__file__).parent / "index.schema.json"
LISTS = ("jobs", "sources", "webhooks", "dynamicTriggers", "dynamicSchedules", "httpEndpoints")


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
class JobMetadata:
    """One job as its endpoint describes it. `event` is the specification without its examples."""

    id: str
    name: str
    version: str
    internal: bool
    start_position: str
    preprocess_runs: bool
    event: Mapping[str, Any]
    examples: tuple[EventExampleMetadata, ...]
    trigger: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A job whose description is broken, by id where it has one, and where it breaks."""

    id: str
    problem: str


@dataclass(frozen=True, slots=True)
class EndpointOffer:
    """What an endpoint offers. `data` are the lists as they came."""

    jobs: tuple[JobMetadata, ...]
    disabled: int
    rejected: tuple[Rejected, ...]
    data: Mapping[str, Sequence[Any]]

    @property
    def stats(self) -> dict[str, int]:
        """What there is of each kind. Jobs count when they are registered; the other kinds as they are listed."""
        return {
            "jobs": len(self.jobs),
            "disabledJobs": self.disabled,
            "rejectedJobs": len(self.rejected),
            **{kind: len(self.data[kind]) for kind in ("sources", "dynamicTriggers", "dynamicSchedules")},
        }


def read_index(value: Any) -> EndpointOffer:
    """Read an answer. A broken job is set aside; of two with one id and version the last counts.

    Raises: InvalidIndex where the answer as a whole is not an index.
    """
    schema: dict[str, Any] = json.loads(SCHEMA.read_text())
    problem = _problem(Draft202012Validator(schema), value)
    if problem:
        raise InvalidIndex(problem)
    job_schema = Draft202012Validator({"$ref": "#/$defs/job", "$defs": schema["$defs"]})
    jobs: dict[tuple[str, str], JobMetadata] = {}
    rejected: list[Rejected] = []
    disabled = 0
    for number, job in enumerate(value["jobs"]):
        if broken := _problem(job_schema, job):
            rejected.append(Rejected(str(job.get("id", f"jobs[{number}]"))[:200], broken))
        elif job["enabled"]:
            jobs[job["id"], job["version"]] = _job(job)
        else:
            disabled += 1
    data = {name: value.get(name, []) for name in LISTS}
    return EndpointOffer(tuple(jobs.values()), disabled, tuple(rejected), data)


def _problem(validator: Draft202012Validator, value: Any) -> str | None:
    error = best_match(validator.iter_errors(value))
    return error and f"{error.json_path}: {error.message[:300]}"


def _job(job: Mapping[str, Any]) -> JobMetadata:
    event = job["event"]
    return JobMetadata(
        id=job["id"],
        name=job["name"],
        version=job["version"],
        internal=job.get("internal", False),
        start_position=job["startPosition"],
        preprocess_runs=job["preprocessRuns"],
        event={key: item for key, item in event.items() if key != "examples"},
        examples=tuple(
            EventExampleMetadata(example["id"], example["name"], example.get("icon"), example.get("payload"))
            for example in event.get("examples", [])
        ),
        trigger=job["trigger"],
    )
