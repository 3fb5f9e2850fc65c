"""Templates: they parse, name only what is in scope, and read only what a payload can have."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kongflow.config.checks.facts import Facts
from kongflow.config.findings import Finding, finding, quoted, related_to, suggestion
from kongflow.config.project import Entry
from kongflow.config.templates import TemplateUse
from kongflow.core.expression import NameUse
from kongflow.core.json import Json

_PLAIN_OBJECT = {
    *("type", "properties", "required", "additionalProperties", "patternProperties", "minProperties", "maxProperties"),
    *("title", "description", "examples", "default", "$schema", "$id", "$comment", "$defs"),
}
"""Keywords of a schema whose properties are all that it says: no `$ref`, no `anyOf` and their like beside them."""

_WRONG = re.compile(r"<<.*|\w+", re.DOTALL)
"""What is marked of a template that cannot be read: a word, or all that is never closed."""


def template_syntax(facts: Facts) -> Iterator[Finding]:
    """Every template can be read."""
    for use in facts.templates:
        if use.problem is not None:
            start = min(use.problem.offset, max(len(use.text) - 1, 0))
            wrong = _WRONG.match(use.text, start)
            place = use.place(start, wrong.end() if wrong else start + 1)
            yield finding("template-syntax", place, use.problem.message, _cut_short(use))


def template_unknown_name(facts: Facts) -> Iterator[Finding]:
    """Every name in a template is in scope: `payload` and `task.name`, or of a schedule its `slot` and its `name`."""
    for use in facts.templates:
        for name in use.template.names() if use.template else ():
            root, *keys = name.path
            known = use.scope.get(root)
            if root not in use.scope:
                message = f"unknown name {quoted(root)}; here you have {_in_scope(use)}"
                advice = suggestion(root, use.scope, _meant(use, root))
            elif keys and known is not None and keys[0] not in known:
                message = f"{root} has no {quoted(keys[0])}"
                advice = suggestion(keys[0], known, f"it has {', '.join(known)}")
            else:
                continue
            yield finding("template-unknown-name", use.place(name.start, name.end), message, advice)


def template_unknown_key(facts: Facts) -> Iterator[Finding]:
    """No template reads a key that no payload of its task can have, because the schema is closed there."""
    for use in facts.templates:
        for name in use.template.names() if use.template else ():
            refusing = [(task, closed) for task in use.tasks if (closed := _closed_to(facts, task, name)) is not None]
            if refusing:
                task, (path, key, known) = refusing[0]
                message = f"no payload of {quoted(task.name)} has {quoted('.'.join(path))}: its schema is closed"
                advice = suggestion(key, known, f"the schema declares {', '.join(known) or 'no key'}")
                heirs = [task.key_place() for task, _ in refusing if task is not use.entry]
                related = related_to(heirs, "a task that inherits the template")
                yield finding("template-unknown-key", use.place(name.start, name.end), message, advice, related)


def _closed_to(facts: Facts, task: Entry, name: NameUse) -> tuple[list[str], str, list[str]] | None:
    """Return as `_closed_keys`, for a name in a template of a task."""
    root, *keys = name.path
    schema = facts.schemas.compiled.get((task.name, "payload"))
    return None if schema is None or root != "payload" else _closed_keys(schema.schema, keys)


def _closed_keys(schema: Json, keys: list[str]) -> tuple[list[str], str, list[str]] | None:
    """Follow `keys` through plain closed objects. Return the path up to the first key that cannot be, that key, and
    those that can; None where every key can be there, or the schema leaves it open.
    """
    for depth, key in enumerate(keys):
        if not isinstance(schema, dict) or not schema.keys() <= _PLAIN_OBJECT:
            return None
        properties = schema.get("properties", {})
        if key not in properties:
            closed = schema.get("additionalProperties") is False and not schema.get("patternProperties")
            return (keys[: depth + 1], key, list(properties)) if closed else None
        schema = properties[key]
    return None


def _in_scope(use: TemplateUse) -> str:
    """Return the names that a template sees; of a schedule with their keys, which are all there is."""
    if "payload" in use.scope:
        return " and ".join(use.scope)
    return " and ".join(f"{root}.{key}" for root, keys in use.scope.items() for key in keys or ())


def _meant(use: TemplateUse, root: str) -> str:
    """Say what an unknown name may have meant."""
    if "payload" in use.scope:
        return f"write payload.{root}, if it is a key of the payload"
    if root in ("payload", "task"):
        return "they are those of a task: the payload is made here"
    return "the slot is << schedule.slot >>"


def _cut_short(use: TemplateUse) -> str:
    """Say what to do where YAML ended an unquoted value in the middle of a template."""
    if use.is_plain and use.text.count("<<") > use.text.count(">>"):
        return "a comma in [ ] or { }, or ' #', ends an unquoted value: quote the whole text"
    return ""
