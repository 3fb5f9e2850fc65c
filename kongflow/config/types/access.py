"""Access: what stands behind a name, a key and an index, and what is said where nothing does."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kongflow.config.findings import listing, quoted, suggestion
from kongflow.config.types.fit import Infers, fit, name_of, wants
from kongflow.config.types.problem import Problem
from kongflow.config.types.reading import Known, Reading, Scope, keys_of, read
from kongflow.config.types.signatures import OF_LIST, OF_TEXT
from kongflow.config.types.type import (
    ANYTHING,
    NULL,
    TEXT,
    ListOf,
    Type,
    either,
    item_of,
    items_of,
    members,
)
from kongflow.config.types.words import described, fallback, in_words
from kongflow.core import syntax
from kongflow.core.syntax import Node, path_of


@dataclass(frozen=True, slots=True)
class Value:
    """What is known of a value. `missing`: it may not be there; what is to be said where it is used all the same."""

    type: Type
    missing: Problem | None = None

    @property
    def is_nullable(self) -> bool:
        """True where it may be null, too."""
        return NULL in (members(self.type) or ()) and self.type != NULL


def unknown_name(node: syntax.Name, scope: Scope) -> Problem:
    """Return what is wrong with a name that is not in scope."""
    message = f"unknown name {quoted(node.name)}; here you have {_listed(scope)}"
    advice = (
        _OF_SECRETS if node.name in ("secret", "secrets") else suggestion(node.name, scope, _meant(node.name, scope))
    )
    return Problem("template-unknown-name", node.start, node.end, message, advice)


_OF_SECRETS = "what a template makes is stored, and shown in lists and logs; a handler reads job.secrets['name']"


def _listed(scope: Scope) -> str:
    """Return the names that a template sees; of a schedule with their keys, which are all there is."""
    if "payload" in scope:
        return " and ".join(scope)
    return " and ".join(f"{root}.{key}" for root, type_ in scope.items() for key in keys_of(type_))


def _meant(name: str, scope: Scope) -> str:
    """Say what an unknown name may have meant."""
    if "payload" in scope:
        return f"write payload.{name}, if it is a key of the payload"
    if name in ("payload", "task"):
        return "they are those of a task: the payload is made here"
    return "the slot is << schedule.slot >>"


def key(node: syntax.Key, subject: Value) -> tuple[Value, Problem | None]:
    """Return what is known of the value at a key, and what is wrong with asking for it at all."""
    if isinstance(node.key, int):
        return _at_number(node, subject)
    reading = read(subject.type, node.key)
    if not reading.presences:
        return Value(ANYTHING), _read_from_scalar(node, subject.type)
    if reading.is_never:
        problem = _unknown_key(node, subject.type)
        # Of a template that tasks share, a key that some of them have may be guarded: it is only an error if used.
        return Value(ANYTHING, problem), Problem(
            problem.slug, problem.start, problem.end, problem.message, problem.help, True
        )
    undeclared = _undeclared_key(node, subject.type) if reading.is_unlisted and not reading.is_free else None
    return Value(
        ANYTHING if reading.is_free else reading.type, subject.missing or _may_be_missing(node, reading)
    ), undeclared


def _unknown_key(node: syntax.Key, type_: Type) -> Problem:
    known = keys_of(type_)
    message = f"{quoted(node.key)} is not in {described(type_)}"
    advice = suggestion(str(node.key), known, f"the schema declares {listing(known, 'no key')}")
    return Problem("template-unknown-key", *node.word, message, advice)


def _undeclared_key(node: syntax.Key, type_: Type) -> Problem:
    message = f"{quoted(node.key)} is not declared in {described(type_)}"
    advice = suggestion(str(node.key), keys_of(type_), "declare it in the schema; there it may be optional")
    return Problem("template-undeclared-key", *node.word, message, advice, hedged=True)


def _may_be_missing(node: syntax.Key, reading: Reading) -> Problem | None:
    """Return what is to be said where a value is used that may not be there."""
    if reading.has_null:
        start, end = node.subject.mark
        message = f"{name_of(node.subject)} may be null, and null has no {quoted(node.key)}"
        return Problem("template-nullable", start, end, message)
    if reading.others:
        message = f"{name_of(node.subject)} may be {in_words(reading.others[0])}, which has no {quoted(node.key)}"
        return Problem("template-maybe-missing", *node.word, message)
    if reading.is_always or reading.is_free or reading.is_unlisted:
        return None
    some = len(reading.presences) > 1
    message = (
        f"{quoted(node.key)} is {'not there in every case' if some else 'optional'}, so this fails when it is absent"
    )
    return Problem("template-maybe-missing", *node.word, message)


def guarded(value: Value, node: Node) -> Problem | None:
    """Return what is to be said where a value that may be missing is used, with the way out."""
    problem = value.missing
    if problem is None or problem.help:
        return problem
    path, given = path_of(node), fallback(value.type) + (", true" if value.is_nullable else "")
    advice = f"use << {'.'.join(path)} | default({given}) >>" if path else f"use | default({given})"
    otherwise = "drop null from the schema" if problem.slug == "template-nullable" else "make it required in the schema"
    return replace(problem, help=f"{advice}, or {otherwise}")


def _read_from_scalar(node: syntax.Key, type_: Type) -> Problem:
    known = members(type_) or ()
    what = in_words(next((one for one in known if one != NULL), NULL))
    message = f"{quoted(node.key)} is read from {what}"
    return Problem("template-type", *node.word, message, f"{name_of(node.subject)} is {what}: drop .{node.key}")


def _at_number(node: syntax.Key, subject: Value) -> tuple[Value, Problem | None]:
    assert isinstance(node.key, int)
    left, problem = fit(
        node.subject, subject.type, wants("template-type", f"[{node.key}]", OF_LIST | OF_TEXT, mark=node.word)
    )
    if problem is not None and problem.slug == "template-nullable" and subject.missing is None:
        return Value(_item(left, node.key), problem), None
    return Value(_item(left, node.key), subject.missing), problem if subject.missing is None else None


def _item(type_: Type, index: int | None) -> Type:
    known = members(type_)
    if known is None:
        return ANYTHING
    lists = [one for one in known if isinstance(one, ListOf)]
    items = [items_of(one) if index is None else item_of(one, index) for one in lists]
    return either([*items, *([TEXT] if len(lists) < len(known) else [])])


def index(inference: Infers, node: syntax.Index, known: Known) -> Type:
    """Return the type of a value at a key or index that is computed: whether it is there is not known."""
    inference.present(node.index, known)
    types = members(inference.present(node.subject, known)) or ()
    return _item(either(types), None) if types and all(isinstance(one, ListOf) for one in types) else ANYTHING
