"""The payload on the command line: JSON, @file, `-` for stdin, or `--arg name=value`, typed by the task's schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from kongflow.cli.options import NotText, read_text
from kongflow.core.json import Json, load
from kongflow.core.task import Task
from kongflow.errors import InvalidPayload

F = TypeVar("F", bound=Callable[..., Any])


def payload_arguments(function: F) -> F:
    """Add `[PAYLOAD]` and `--arg` to a command."""
    function = click.option(
        "--arg",
        "args",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set one property of the payload: text where the schema says so, else JSON, else text. Repeatable.",
    )(function)
    return click.argument("payload", required=False, metavar="[JSON|@FILE|-]")(function)


def read_payload(task: Task, payload: str | None, args: Sequence[str]) -> Json:
    """Return the payload that the arguments describe; None where there are none.

    Raises: InvalidPayload where it is not JSON; FileUnreadable; NotText; click.UsageError.
    """
    value = None if payload is None else _read(payload)
    if not args:
        return value
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise click.UsageError("--arg sets properties of an object, and this payload is none")
    return {**value, **_arguments(task, args)}


def _read(payload: str) -> Json:
    if payload == "-":
        return load(read_text("-"), "payload on stdin")
    if payload.startswith("@"):
        return load(read_text(payload[1:]), f"payload in {payload[1:]}")
    try:
        return load(_text(payload))
    except InvalidPayload as problem:
        # Who wrote JSON knows what an argument is; another word may be the name of a file.
        file = f"; a file is given as @{payload[:40]}" if re.fullmatch(r"[^\s{}\[\]\"]+", payload) else ""
        raise InvalidPayload(
            f"{problem}\n  the argument is {payload[:80]!r}{file}; single properties are given as --arg name=value"
        ) from None


def _text(argument: str) -> str:
    """Return an argument. Raises: NotText where its bytes are not UTF-8: Python hands those on as lone surrogates."""
    try:
        argument.encode()
    except UnicodeEncodeError as problem:
        raise NotText(f"the argument {argument[:80]!r} is not UTF-8 text at character {problem.start}") from None
    return argument


def _arguments(task: Task, args: Sequence[str]) -> dict[str, Json]:
    values: dict[str, Json] = {}
    for argument in map(_text, args):
        name, equals, text = argument.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--arg is NAME=VALUE, not {argument!r}")
        if name in values:
            raise click.UsageError(f"--arg {name} is given twice")
        values[name] = text if _is_text(task, name) else _json_else_text(text)
    return values


def _is_text(task: Task, name: str) -> bool:
    """Say whether the schema takes nothing but text for a property: then `--arg id=17` is "17", not 17."""
    schema = None if task.payload_schema is None else task.payload_schema.schema
    properties = schema.get("properties") if isinstance(schema, dict) else None
    declared = properties.get(name) if isinstance(properties, dict) else None
    return isinstance(declared, dict) and declared.get("type") in ("string", ["string"])


def _json_else_text(text: str) -> Json:
    try:
        return load(text)
    except InvalidPayload:
        return text
