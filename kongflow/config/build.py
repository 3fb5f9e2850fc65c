"""Build: from a project without errors to the Catalog, with the precedence of the language."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kongflow.config.database_url import absolute_url
from kongflow.config.document import KeyPath
from kongflow.config.law import Rule, is_later, law
from kongflow.config.precedence import Layer, policy_layers, retry_layers, task_layers, values_of
from kongflow.config.project import Entry, Project
from kongflow.config.scalars import check_scalar
from kongflow.config.schedules import ReadTiming, zone_name
from kongflow.config.schemas import Schemas
from kongflow.config.templates import TemplateUse
from kongflow.core.catalog import Catalog, DatabaseSettings, Lint, Retention, RunnerSettings, Secret
from kongflow.core.json import Json
from kongflow.core.payload_template import PayloadTemplate
from kongflow.core.queue import Queue, QueueRules, RateLimit
from kongflow.core.retry import Backoff, RetryPolicy
from kongflow.core.schedule import Catchup, CatchupPolicy, Overlap, Schedule
from kongflow.core.task import Isolation, JobKeyMode, Keep, Task, Tombstone
from kongflow.core.template import Template


def build(
    project: Project, schemas: Schemas, uses: tuple[TemplateUse, ...], timings: Mapping[str, ReadTiming]
) -> Catalog:
    """Return the catalog of a project in which no check found an error."""
    main = project.main.value
    database = _with_defaults("database", main)
    templates = {(use.entry.path, use.steps): use.template for use in uses if use.template is not None}
    tasks = _Tasks(project.task_defaults, project.policies, schemas, templates)
    return Catalog(
        root=project.root,
        name=main.get("name", law()["properties"]["name"]["default"]),
        description=main.get("description", ""),
        database=DatabaseSettings(**{**database, "url": absolute_url(database["url"], project.root)}),
        runner=_runner(main),
        retention=Retention(**_with_defaults("retention", main)),
        queues=QueueRules({name: _queue(entry) for name, entry in project.queues.items()}),
        retry_policies={
            name: _policy(policy_layers(name, project.policies)) for name in ("default", *project.policies)
        },
        tasks={name: tasks.task(entry) for name, entry in project.tasks.items()},
        tombstones={name: Tombstone(name, entry.value.get("renamed_to")) for name, entry in project.tombstones.items()},
        schedules={name: _schedule(read) for name, read in timings.items()},
        secrets={
            name: _secret(name, value, project.main.document.path.parent)
            for name, value in main.get("secrets", {}).items()
        },
        lint=_lint(main),
        file=project.main.document.file,
    )


# --- settings --------------------------------------------------------------------------------------------------------


def _with_defaults(section: str, main: Mapping[str, Json]) -> dict[str, Json]:
    """Return a section with the law's default for every key that it does not give; keys without one are left out."""
    return {**_defaults_of(law()["properties"][section]), **main.get(section, {})}


def _defaults_of(rule: Rule) -> dict[str, Json]:
    return {
        key: _meant(inner) for key, inner in rule["properties"].items() if "default" in inner and not is_later(inner)
    }


def _meant(rule: Rule) -> Json:
    default = rule["default"]
    for branch in rule.get("anyOf", [rule]):
        if branch.get("x-kind") == "duration":
            return check_scalar(branch, default)
    return default


def _runner(main: Mapping[str, Json]) -> RunnerSettings:
    values = _with_defaults("runner", main)
    stall_limit = None if values["stall_limit"] == "off" else values["stall_limit"]
    lists = {key: tuple(values[key]) for key in ("queues", "forbidden_flags")}
    return RunnerSettings(**{**values, **lists, "stall_limit": stall_limit})


def _lint(main: Mapping[str, Json]) -> Lint:
    values = _with_defaults("lint", main)
    return Lint(values["strict"], tuple(values["ignore"]))


def _queue(entry: Entry) -> Queue:
    concurrency, rate = entry.value.get("concurrency", 1), entry.value.get("rate_limit")
    return Queue(
        name=entry.name,
        concurrency=None if concurrency == "unlimited" else concurrency,
        max_active=entry.value.get("max_active"),
        rate_limit=None if rate is None else RateLimit(rate["limit"], rate["per"]),
        max_wait=entry.value.get("max_wait"),
        description=entry.value.get("description", ""),
    )


def _secret(name: str, value: Mapping[str, Json], folder: Path) -> Secret:
    file = folder / value["file"] if "file" in value else None
    return Secret(name, value.get("env"), value.get("default"), file)


# --- schedules -------------------------------------------------------------------------------------------------------


def _schedule(read: ReadTiming) -> Schedule:
    assert read.timing is not None
    entry, rule = read.entry, law()["properties"]["schedules"]["additionalProperties"]
    value = {**_defaults_of(rule), **entry.value}
    catchup = {**_defaults_of(rule["properties"]["catchup"]), **entry.value.get("catchup", {})}
    return Schedule(
        name=entry.name,
        timing=read.timing,
        task=value["task"],
        payload=PayloadTemplate.parse(value["payload"]),
        timezone=zone_name(entry),
        overlap=Overlap(value["overlap"]),
        grace=value["grace"],
        catchup=Catchup(CatchupPolicy(catchup["policy"]), catchup.get("window", 0.0)),
        description=value["description"],
    )


# --- tasks -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Tasks:
    """What every task of a project is resolved against."""

    defaults: Entry
    policies: Mapping[str, Entry]
    schemas: Schemas
    templates: Mapping[tuple[KeyPath, KeyPath], Template]

    def task(self, entry: Entry) -> Task:
        built_in = _defaults_of(law()["properties"]["defaults"]["properties"]["task"])
        value = {**built_in, **values_of(task_layers(entry, self.defaults))}
        return Task(
            name=entry.name,
            handler=value["handler"],
            payload_schema=self.schemas.compiled.get((entry.name, "payload")),
            result_schema=self.schemas.compiled.get((entry.name, "result")),
            retry=_policy(retry_layers(entry, self.defaults, self.policies)),
            queue=self._template(entry, "queue"),
            priority=self._template(entry, "priority") or value["priority"],
            job_key=self._template(entry, "job_key"),
            job_key_mode=JobKeyMode(value["job_key_mode"]),
            timeout=value["timeout"],
            cancel_grace=value["cancel_grace"],
            crash_limit=value["crash_limit"],
            flags=tuple(value["flags"]),
            tags=tuple(value["tags"]),
            isolation=Isolation(value["isolation"]),
            memory_limit=value.get("memory_limit"),
            keep=Keep(value["keep"]),
            description=value["description"],
            owner=value["owner"],
            examples=tuple(value["examples"]),
        )

    def _template(self, entry: Entry, key: str) -> Template | None:
        given_by = entry if key in entry.value else self.defaults
        return self.templates.get((given_by.path, (key,)))


def _policy(layers: Sequence[Layer]) -> RetryPolicy:
    return policy_of(*(layer.values for layer in layers))


def policy_of(*layers: Mapping[str, Json]) -> RetryPolicy:
    """Return the policy whose fields come each from the first layer that gives it, else from the built-in policy."""
    values: dict[str, Json] = dict(ChainMap(*map(dict, layers)))
    if "backoff" in values:
        values["backoff"] = Backoff(values["backoff"])
    for key in {"retry_on", "give_up_on"} & values.keys():
        values[key] = tuple(values[key])
    return RetryPolicy(**values)
