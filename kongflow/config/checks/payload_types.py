"""Payload types: what a handler's annotation says of its payload is what the schema lets through."""

from __future__ import annotations

from collections.abc import Iterator

from kongflow.config.checks.facts import Facts
from kongflow.config.findings import Finding, finding, suggestion
from kongflow.config.handlers import HandlerSignature
from kongflow.config.payload_forms import Field, Form
from kongflow.config.types.from_schema import payload_type
from kongflow.config.types.reading import keys_of, read
from kongflow.config.types.type import NULL, Kind, ListOf, Presence, Type, items_of, kind_of, members
from kongflow.config.types.words import kinds_in_words

_CONVERT = "annotate what comes, and convert it in the handler"
_BUILD = "make it a dataclass or a TypedDict; or annotate a dict, and build it in the handler"


def handler_payload_type(facts: Facts) -> Iterator[Finding]:
    """The fields and types of a handler's annotation are those of the payload's schema."""
    for task in facts.project.tasks.values():
        found = facts.handlers.get(task.name)
        if not isinstance(found, HandlerSignature) or found.payload is None or task.failed("payload"):
            continue
        if Kind.OBJECT in found.payload.kinds and not found.payload.fields:
            continue  # a dict
        schema = facts.schemas.compiled.get((task.name, "payload"))
        if schema is None and "payload" in task.value:
            continue  # the schema has a finding of its own
        path: str = task.value["handler"]
        place = task.text_place(("handler",), max(path.rfind("."), path.rfind(":")) + 1, len(path))
        for message, advice in _compared(found.payload, payload_type(schema), "the payload"):
            yield finding("handler-payload-type", place, message, advice)


def _compared(form: Form, type_: Type, what: str) -> Iterator[tuple[str, str]]:
    """Yield what a form says otherwise than the schema, with what to do."""
    known = members(type_)
    kinds = None if known is None else frozenset(kind_of(one) for one in known if one != NULL)
    taken = form.kinds - {Kind.NULL}
    if form.strange and not taken:
        is_of_object = kinds is not None and kinds <= {Kind.OBJECT}
        come = _come(kinds) if kinds else "JSON"
        is_class = form.strange.isidentifier() and (is_of_object or kinds is None)
        yield (
            f"{what} is annotated {form.text}, which nothing is made into: {come} comes",
            _BUILD if is_class else _CONVERT,
        )
    elif kinds and taken and not kinds & taken:
        yield f"{what} is annotated {form.text}, and {_come(kinds)} comes", "correct the annotation, or the schema"
    else:
        for field in form.fields:
            yield from _field(form, field, type_)
        lists = [items_of(one) for one in known or () if isinstance(one, ListOf)]
        if form.items is not None and len(lists) == 1:
            yield from _compared(form.items, lists[0], f"an item of {what}")


def _field(form: Form, field: Field, type_: Type) -> Iterator[tuple[str, str]]:
    reading = read(type_, field.name)
    what = f"{field.name!r} of {form.text}"
    others = [key for key in keys_of(type_) if key not in {each.name for each in form.fields}]
    if reading.is_never:
        also = "every job fails" if field.is_required else "it is never given"
        yield f"{what} is not in the schema, which is closed: {also}", _declare(field, others)
    elif field.is_required and reading.is_unlisted:
        yield (
            f"{what} has no default, and the schema does not declare it: a job without it fails",
            _declare(field, others),
        )
    elif field.is_required and reading.presences == {Presence.MAYBE}:
        message = f"{what} has no default, and the schema does not require it: a job without it fails"
        yield message, "require it in the schema, or give it a default in one of the two"
    elif field.form is not None and reading.presences <= {Presence.ALWAYS, Presence.MAYBE}:
        yield from _compared(field.form, reading.type, what)


def _declare(field: Field, others: list[str]) -> str:
    return suggestion(field.name, others, "declare it in the schema, or delete it from the class")


def _come(kinds: frozenset[Kind]) -> str:
    return kinds_in_words(kinds).removeprefix("an object") or "a dict"
