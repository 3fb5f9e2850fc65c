"""Handlers: they exist, are functions, take (payload) or (payload, job), and fit `isolation`. Read, never imported."""

from __future__ import annotations

from collections.abc import Iterator

from kongflow.config.checks.facts import Facts, isolation_of
from kongflow.config.findings import Finding, Place, finding, related_to
from kongflow.config.handler_path import FilePlace, HandlerFault, HandlerProblem
from kongflow.config.handlers import HandlerSignature
from kongflow.core.duration import format_size

_FITTING = {
    "auto": "delete `isolation`: auto does what fits",
    "process": "make it a plain function, which may call asyncio.run, or delete `isolation`",
}
_LIMIT_HELP = "add `isolation: process`, or delete the limit"


def handler_path(facts: Facts) -> Iterator[Finding]:
    """`handler` is a path that may name a handler."""
    return _of_fault(facts, HandlerFault.PATH, "handler-path")


def handler_module(facts: Facts) -> Iterator[Finding]:
    """The module of a handler exists."""
    return _of_cause(facts, HandlerFault.MODULE, "handler-module")


def handler_syntax(facts: Facts) -> Iterator[Finding]:
    """The module of a handler is valid Python."""
    return _of_cause(facts, HandlerFault.SYNTAX, "handler-syntax")


def handler_import_error(facts: Facts) -> Iterator[Finding]:
    """With `--import`: the module of a handler can be imported."""
    return _of_cause(facts, HandlerFault.IMPORT, "handler-import-error")


def handler_attribute(facts: Facts) -> Iterator[Finding]:
    """The module of a handler has that name."""
    return _of_fault(facts, HandlerFault.ATTRIBUTE, "handler-attribute")


def handler_not_callable(facts: Facts) -> Iterator[Finding]:
    """The name of a handler is that of a function."""
    return _of_fault(facts, HandlerFault.CALLABLE, "handler-not-callable")


def handler_signature(facts: Facts) -> Iterator[Finding]:
    """A handler can be called with (payload) or with (payload, job)."""
    return _of_fault(facts, HandlerFault.SIGNATURE, "handler-signature")


def handler_isolation(facts: Facts) -> Iterator[Finding]:
    """`isolation: async` is for async functions, `thread` and `process` for plain ones."""
    for task in facts.project.tasks.values():
        found = facts.handlers.get(task.name)
        given_by, isolation = isolation_of(facts.project, task)
        if not isinstance(found, HandlerSignature) or found.is_async is None:
            continue
        if isolation != "auto" and found.is_async is not (isolation == "async"):
            kind = "an async function, which runs on the loop" if found.is_async else "a plain function"
            message = f"`isolation: {isolation}` does not fit: {task.value['handler']} is {kind}"
            place = task.value_place("isolation") if given_by is task else task.value_place("handler")
            yield finding("handler-isolation", place, message, _FITTING.get(isolation, _FITTING["auto"]))


def memory_limit_isolation(facts: Facts) -> Iterator[Finding]:
    """`memory_limit` stands where a handler runs in a child process; only that can be limited."""
    tasks = list(facts.project.tasks.values())
    limited = [task for task in tasks if "memory_limit" in task.value and not task.failed("isolation")]
    for task in limited:
        _, isolation = isolation_of(facts.project, task)
        if isolation != "process":
            message = f"`memory_limit` needs `isolation: process`, and this task has `isolation: {isolation}`"
            yield finding("memory-limit-isolation", task.key_place("memory_limit"), message, _LIMIT_HELP)
    defaults = facts.project.task_defaults
    if "memory_limit" in defaults.value and all(isolation_of(facts.project, task)[1] != "process" for task in tasks):
        message = "`memory_limit` needs `isolation: process`, and no task has that"
        yield finding("memory-limit-isolation", defaults.key_place("memory_limit"), message, _LIMIT_HELP)


def memory_limit_too_small(facts: Facts) -> Iterator[Finding]:
    """With `--import`: `memory_limit` leaves a child process room to work beside what the handlers' modules take."""
    least, project = facts.least_memory_limit, facts.project
    for task in project.tasks.values():
        given_by = task if "memory_limit" in task.value else project.task_defaults
        if least is None or "memory_limit" not in given_by.value or isolation_of(project, task)[1] != "process":
            continue
        if given_by.value["memory_limit"] < least:
            text = format_size(given_by.value["memory_limit"])
            message = f"`memory_limit: {text}` is less than a child process needs once the handlers are imported"
            place = given_by.value_place("memory_limit")
            yield finding("memory-limit-too-small", place, message, f"write {format_size(least)} or more")


def handler_unresolvable(facts: Facts) -> Iterator[Finding]:
    """What a handler is can be read from its source."""
    for task in facts.project.tasks.values():
        found = facts.handlers.get(task.name)
        if isinstance(found, HandlerSignature) and found.is_async is None:
            name = task.value["handler"]
            place = task.text_place(("handler",), max(name.rfind("."), name.rfind(":")) + 1, len(name))
            message = "this is decorated, or made at run time; its source does not tell how to call it"
            yield finding("handler-unresolvable", place, message, "`kongflow validate --import` checks it")


def _of_fault(facts: Facts, fault: HandlerFault, slug: str) -> Iterator[Finding]:
    for task in facts.project.tasks.values():
        found = facts.handlers.get(task.name)
        if isinstance(found, HandlerProblem) and found.fault is fault:
            yield finding(slug, task.text_place(("handler",), found.start, found.end), found.message, found.help or "")


def _of_cause(facts: Facts, fault: HandlerFault, slug: str) -> Iterator[Finding]:
    """Yield one finding for each cause that tasks have in common: where it stands, or at the first of them."""
    causes: dict[tuple[str, FilePlace | None], list[tuple[HandlerProblem, Place]]] = {}
    for task in facts.project.tasks.values():
        found = facts.handlers.get(task.name)
        if isinstance(found, HandlerProblem) and found.fault is fault:
            place = task.text_place(("handler",), found.start, found.end)
            causes.setdefault((found.message, found.place), []).append((found, place))
    for (message, at), meeting in causes.items():
        places = list(dict.fromkeys(place for _, place in meeting))  # an alias stands once
        if at is not None:
            places.insert(0, facts.python[at.file].place_near(at.line, at.col))
        related = related_to(places[1:], "a handler that needs it" if at else "the same here")
        yield finding(slug, places[0], message, meeting[0][0].help or "", related)
