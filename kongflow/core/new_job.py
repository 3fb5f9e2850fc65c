"""new_job: what a call asks for → the job to insert. Pure: payload checked, defaults filled in, templates rendered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from kongflow.core.catalog import Catalog
from kongflow.core.duration import MAX_DURATION
from kongflow.core.expression import kind_of
from kongflow.core.job import JobOptions, NewJob, UnroutedJob
from kongflow.core.json import Json, dump, load
from kongflow.core.queue import check_queue_name
from kongflow.core.task import MAX_PRIORITY, MIN_PRIORITY, Task
from kongflow.core.template import Template
from kongflow.errors import InvalidOption, InvalidPayload, PayloadTooLarge, TemplateError, UnknownQueue, UnknownTask

MAX_JOB_KEY = 512
MAX_ATTEMPTS = 32_767
MAX_LABELS = 32
"""Flags or tags of one job."""
MAX_LABEL = 128
"""Characters of one flag or tag."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def new_job(catalog: Catalog, task_name: str, payload: Json, options: JobOptions) -> NewJob:
    """Return the job that a call adds: options of the call win over the catalog, None means "not given".

    Raises: UnknownTask; InvalidPayload, with every problem; InvalidOption; UnknownQueue; TemplateError, which says
    which template of the task could not be rendered and why.
    """
    task = _task(catalog, task_name)
    check = None if task.payload_schema is None else task.payload_schema.check_added
    job = _job(catalog, task, payload, check, options)
    if options.job_key_mode is not None and job.job_key is None:
        raise InvalidOption(f"the key mode {options.job_key_mode} needs a key, and this job has none")
    return job


def retried_payload(catalog: Catalog, task_name: str, payload: Json) -> str:
    """Return the payload of a job that is run again, checked as when it was added, as the text that is stored.

    Raises: UnknownTask; InvalidPayload, with every problem.
    """
    task = _task(catalog, task_name)
    return _payload(task, payload, None if task.payload_schema is None else task.payload_schema.check_added)[1]


def route(catalog: Catalog, unrouted: UnroutedJob) -> NewJob:
    """Return the rendered job for one that was added by SQL; options of its row win over the catalog.

    Its payload is checked as when it runs: a field that the schema does not declare is forgiven. A job of a renamed
    task stays in its queue, or, where that is not declared any more, goes to the queue of the task.

    Raises: as `new_job`. Whatever is raised is this one job's failure.
    """
    task = _task(catalog, unrouted.task)
    check = None if task.payload_schema is None else task.payload_schema.check_run
    options = unrouted.options
    if unrouted.was_rendered and options.queue is not None and catalog.queues.rule(options.queue) is None:
        options = replace(options, queue=None)
    return _job(catalog, task, load(unrouted.payload), check, options)


def _task(catalog: Catalog, name: str) -> Task:
    tombstone = catalog.tombstones.get(name)
    if tombstone is not None and name not in catalog.tasks:
        what = f"renamed: enqueue {tombstone.renamed_to!r}" if tombstone.renamed_to else "removed"
        raise UnknownTask(f"the task {name!r} was {what}")
    return catalog.task(name)


def _job(
    catalog: Catalog, task: Task, payload: Json, check: Callable[[Json], Json] | None, options: JobOptions
) -> NewJob:
    _check_time(options)
    value, text = _payload(task, payload, check)
    scope: dict[str, Json] = {"payload": value, "task": {"name": task.name}}
    queue, rule = _queue(catalog, task, scope, options)
    return NewJob(
        task=task.name,
        payload=text,
        queue=queue,
        rule=rule,
        priority=_priority(task, scope, options),
        max_attempts=_max_attempts(options),
        run_at=options.run_at,
        delay=options.delay,
        job_key=_job_key(task, scope, options),
        job_key_mode=task.job_key_mode if options.job_key_mode is None else options.job_key_mode,
        flags=_labels("flag", task.flags if options.flags is None else options.flags),
        tags=_labels("tag", task.tags if options.tags is None else options.tags),
    )


def _payload(task: Task, payload: Json, check: Callable[[Json], Json] | None) -> tuple[Json, str]:
    """Return the payload with its defaults, and the text of it that is stored."""
    value = {} if payload is None else payload
    if not isinstance(value, dict):
        problem = f"$: expected an object, got {kind_of(value)}"
        raise InvalidPayload(f"task {task.name!r}: the payload must be a JSON object: {problem}", (problem,))
    try:
        # First what cannot be stored: the schema's engine would refuse it for reasons of its own.
        text = dump(value)
        checked = value if check is None else check(value)
        return checked, text if checked is value else dump(checked)
    except PayloadTooLarge as error:
        raise PayloadTooLarge(f"task {task.name!r}: {error}", error.problems) from None
    except InvalidPayload as error:
        raise InvalidPayload(f"task {task.name!r}: {error}", error.problems) from None


# --- one option each -------------------------------------------------------------------------------------------------


def _check_time(options: JobOptions) -> None:
    if options.run_at is not None and options.delay is not None:
        raise InvalidOption("give run_at or a delay, not both")
    if options.run_at is not None and options.run_at.utcoffset() is None:
        raise InvalidOption(
            f"run_at {options.run_at.isoformat()} has no time zone; pass an aware datetime such as "
            "datetime.now(UTC) + timedelta(minutes=5), or a timedelta"
        )
    # NaN compares false: it is refused too. A delay below 0 is a time that has passed: now.
    if options.delay is not None and not abs(options.delay) <= MAX_DURATION:
        raise InvalidOption(f"a delay of {options.delay} seconds is not within a hundred years")


def _queue(
    catalog: Catalog, task: Task, scope: Mapping[str, Json], options: JobOptions
) -> tuple[str, str] | tuple[None, None]:
    """Return the concrete queue name and the declared queue or pattern that it belongs to."""
    if options.queue is not None:
        name = check_queue_name(options.queue)
        return name, catalog.queue(name).name
    if task.queue is None:
        return None, None
    try:
        name = check_queue_name(_rendered_queue(task.queue, scope))
        return name, catalog.queue(name).name
    except UnknownQueue as error:
        raise UnknownQueue(f"task {task.name!r}, queue {task.queue.text!r}: {error}") from None
    except (TemplateError, InvalidOption) as error:
        raise _template_error(task, "queue", task.queue, error) from None


def _rendered_queue(template: Template, scope: Mapping[str, Json]) -> str:
    texts = template.render_parts(scope)
    for part, text in zip(template.parts, texts, strict=True):
        if not text and not isinstance(part, str):
            raise TemplateError(f"<< {part.source} >> is empty: jobs without it would share one queue")
    return "".join(texts)


def _job_key(task: Task, scope: Mapping[str, Json], options: JobOptions) -> str | None:
    if options.job_key is not None:
        return check_job_key(options.job_key)
    if task.job_key is None:
        return None
    try:
        return check_job_key(task.job_key.render_text(scope))
    except (TemplateError, InvalidOption) as error:
        raise _template_error(task, "job_key", task.job_key, error) from None


def check_job_key(key: str) -> str:
    """Return a job key that can be stored. Raises: InvalidOption."""
    if not 1 <= len(key) <= MAX_JOB_KEY:
        raise InvalidOption(f"a job key has 1 to {MAX_JOB_KEY} characters, this one has {len(key)}")
    if _CONTROL.search(key):
        raise InvalidOption(f"the job key {key!r} holds a control character")
    return key


def _priority(task: Task, scope: Mapping[str, Json], options: JobOptions) -> int:
    if options.priority is not None:
        return _check_priority(options.priority)
    if isinstance(task.priority, int):
        return task.priority
    try:
        return _check_priority(task.priority.render(scope))
    except (TemplateError, InvalidOption) as error:
        raise _template_error(task, "priority", task.priority, error) from None


def _check_priority(value: Json) -> int:
    # 5.0 is an integer to JSON Schema, so it is one here.
    integral = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(integral, bool) or not isinstance(integral, int):
        raise InvalidOption(f"a priority is an integer, this is {kind_of(value)}")
    if not MIN_PRIORITY <= integral <= MAX_PRIORITY:
        raise InvalidOption(f"a priority is {MIN_PRIORITY} to {MAX_PRIORITY}, not {integral}")
    return integral


def _max_attempts(options: JobOptions) -> int | None:
    given = options.max_attempts
    if given is not None and not 1 <= given <= MAX_ATTEMPTS:
        raise InvalidOption(f"max_attempts is 1 to {MAX_ATTEMPTS}, not {given}")
    return given


def _labels(noun: str, labels: tuple[str, ...]) -> tuple[str, ...]:
    if len(labels) > MAX_LABELS:
        raise InvalidOption(f"a job has at most {MAX_LABELS} {noun}s, this one has {len(labels)}")
    for label in labels:
        if not 1 <= len(label) <= MAX_LABEL:
            raise InvalidOption(f"a {noun} has 1 to {MAX_LABEL} characters, one here has {len(label)}")
        if _CONTROL.search(label):
            raise InvalidOption(f"the {noun} {label!r} holds a control character")
    return tuple(dict.fromkeys(labels))


def _template_error(task: Task, field: str, template: Template, error: Exception) -> TemplateError:
    return TemplateError(f"task {task.name!r}, {field} {template.text!r}: {error}")
