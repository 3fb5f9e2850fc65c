"""The catalogue in Markdown: what a configuration declares, for people who read it beside the code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from kongflow.core.catalog import Catalog, Secret
from kongflow.core.duration import format_duration, format_size
from kongflow.core.queue import Queue
from kongflow.core.retry import RetryPolicy
from kongflow.core.retry_ladder import HEADINGS, ladder, limits, shown, with_totals
from kongflow.core.schedule import Catchup, Schedule
from kongflow.core.schema import PayloadSchema
from kongflow.core.task import Isolation, Keep, Task
from kongflow.core.template import Template
from kongflow.generate.markdown_text import code, json_block, json_code, plain, table
from kongflow.generate.schema_rows import description_of, rows_of, summary_of, unsaid_of

MARK = "<!-- Written by `kongflow docs`: change kongflow.yaml and the schemas, and write it again. -->"
"""The first line, by which a file is known as one that may be replaced."""

T = TypeVar("T")


def markdown(catalog: Catalog) -> str:
    """Return the page: tasks, queues, retry policies, schedules, names of secrets, and tasks that are gone."""
    sections = [
        [f"# {plain(catalog.name)}"],
        [plain(catalog.description)] if catalog.description else [],
        _section("Tasks", catalog.tasks, _tasks),
        *(list(_task(task)) for task in catalog.tasks.values()),
        _section("Queues", catalog.queues.queues, _queues),
        _section("Retry policies", catalog.retry_policies, _policies),
        _section("Schedules", catalog.schedules, _schedules),
        _section("Secrets", {name: _source(secret, catalog) for name, secret in catalog.secrets.items()}, _secrets),
        _section(
            "Tasks that are gone", {name: grave.renamed_to for name, grave in catalog.tombstones.items()}, _graves
        ),
    ]
    return "\n\n".join([MARK, *("\n".join(lines) for lines in sections if lines)]) + "\n"


def _section(title: str, named: Mapping[str, T], lines: Callable[[Mapping[str, T]], Iterator[str]]) -> list[str]:
    return [f"## {title}", "", *lines(named)] if named else []


# --- tasks -----------------------------------------------------------------------------------------------------------


def _tasks(tasks: Mapping[str, Task]) -> Iterator[str]:
    yield from table(
        ("task", "what it does", "queue", "owner"),
        [
            (code(name), plain(task.description), _template(task.queue), plain(task.owner))
            for name, task in tasks.items()
        ],
    )


def _task(task: Task) -> Iterator[str]:
    yield f"### {code(task.name)}"
    yield ""
    if task.description:
        yield plain(task.description)
        yield ""
    yield from table(("", ""), [(name, value) for name, value in _facts(task) if value])
    yield from _schema("Payload", task.payload_schema, "any object")
    for number, example in enumerate(task.examples, 1):
        yield ""
        yield f"Example{f' {number}' if len(task.examples) > 1 else ''}:"
        yield ""
        yield from json_block(example)
    yield from _schema("Result", task.result_schema, "any JSON")


def _facts(task: Task) -> Iterator[tuple[str, str]]:
    yield "handler", code(task.handler)
    yield "owner", plain(task.owner)
    yield "queue", _template(task.queue) or "none"
    yield "priority", _template(task.priority) if task.priority != 0 else ""
    if task.job_key is not None:
        yield "job key", f"{_template(task.job_key)} ({task.job_key_mode})"
    yield "attempts", _attempts(task.retry)
    yield "time limit", format_duration(task.timeout)
    yield "runs in", "" if task.isolation is Isolation.AUTO else code(str(task.isolation))
    yield "memory", "" if task.memory_limit is None else f"at most {format_size(task.memory_limit)}"
    yield "flags", ", ".join(map(code, task.flags))
    yield "tags", ", ".join(map(code, task.tags))
    yield "kept", {Keep.ALL: "", Keep.FAILED: "when it failed", Keep.NONE: "never"}[task.keep]


def _attempts(retry: RetryPolicy) -> str:
    delays = tuple(retry.windows())
    if not delays:
        return "1"
    few = [shown(delay.expected) for delay in delays[:3]]
    last = shown(delays[-1].expected)
    middle = [*few, "…", last] if len(delays) > 4 else [shown(delay.expected) for delay in delays]
    *_, (_, total) = with_totals(delays)
    more = f"; {shown(total)} in all" if len(delays) > 1 else ""
    return f"{retry.max_attempts}, retried after {', '.join(middle)}{more}".replace(", …, ", " … ")


def _schema(title: str, schema: PayloadSchema | None, whatever: str) -> Iterator[str]:
    yield ""
    if schema is None:
        yield f"**{title}**: {whatever}"
        return
    about = plain(description_of(schema))
    yield f"**{title}**: {summary_of(schema)}{f'. {about}' if about else ''}"
    rows = rows_of(schema)
    if rows:
        yield ""
        yield from table(
            ("key", "type", "required", "default", "what it is"),
            [(row.path, row.type, row.required, row.default, row.description) for row in rows],
        )
    if any(row.required.startswith("choice") for row in rows):
        yield ""
        yield "A choice is one of several forms that the value may have: then the key is required."
    unsaid = unsaid_of(schema)
    if unsaid:
        yield ""
        yield f"The schema says more than this table shows: {', '.join(map(code, unsaid))}."


# --- what else is declared -------------------------------------------------------------------------------------------


def _queues(queues: Mapping[str, Queue]) -> Iterator[str]:
    yield from table(
        ("queue", "at once", "in all", "starts", "longest wait", "what it is for"),
        [
            (
                code(name),
                "unlimited" if queue.concurrency is None else str(queue.concurrency),
                "" if queue.max_active is None else str(queue.max_active),
                _rate(queue),
                "" if queue.max_wait is None else format_duration(queue.max_wait),
                plain(queue.description),
            )
            for name, queue in queues.items()
        ],
    )
    if any(queue.is_pattern for queue in queues.values()):
        yield ""
        yield "`*` stands for any characters: each name that it makes is a queue of its own."


def _rate(queue: Queue) -> str:
    return "" if queue.rate_limit is None else f"{queue.rate_limit.limit} in {format_duration(queue.rate_limit.per)}"


def _policies(policies: Mapping[str, RetryPolicy]) -> Iterator[str]:
    for number, (name, policy) in enumerate(policies.items()):
        if number:
            yield ""
        yield f"### {code(name)}"
        yield ""
        yield f"{policy.max_attempts} attempts. Delays count from the failure; the total sums the expected ones."
        for limit in limits(policy):
            yield ""
            yield f"{plain(limit[0].upper() + limit[1:])}."
        rows = ladder(tuple(policy.windows()))
        if rows:
            yield ""
            yield from table(HEADINGS, rows)


def _schedules(schedules: Mapping[str, Schedule]) -> Iterator[str]:
    yield from table(
        (
            "schedule",
            "when",
            "task",
            "payload",
            "while the last has not ended",
            "late by",
            "made up",
            "what it is for",
        ),
        [
            (
                code(name),
                f"{code(schedule.timing.text)}: {plain(schedule.timing.words)}",
                code(schedule.task),
                json_code(dict(schedule.payload.source)) if schedule.payload.source else "",
                code(str(schedule.overlap)),
                format_duration(schedule.grace),
                _catchup(schedule.catchup),
                plain(schedule.description),
            )
            for name, schedule in schedules.items()
        ],
    )


def _catchup(catchup: Catchup) -> str:
    return "" if catchup == Catchup() else f"{catchup.policy} of the last {format_duration(catchup.window)}"


def _secrets(sources: Mapping[str, str]) -> Iterator[str]:
    yield from table(("secret", "comes from"), [(code(name), source) for name, source in sources.items()])


def _source(secret: Secret, catalog: Catalog) -> str:
    """Return where a secret comes from; what it is, its default too, is nobody's business here."""
    if secret.file is not None:
        inside = secret.file.is_relative_to(catalog.root)
        return f"the file {code(secret.file.relative_to(catalog.root).as_posix())}" if inside else "a file"
    return f"the variable {code(secret.env or '')}{'' if secret.default is None else ', which has a default'}"


def _graves(graves: Mapping[str, str | None]) -> Iterator[str]:
    yield from table(
        ("task", "what becomes of its jobs"),
        [(code(name), "cancelled" if to is None else f"jobs of {code(to)}") for name, to in graves.items()],
    )


def _template(value: Template | int | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else code(value.text)
