"""What a single value must look like: one function per `x-kind` of the law, and how a message names a rule."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from kongflow.config.findings import quoted, suggestion
from kongflow.config.law import Rule
from kongflow.core.database_schema import check_schema_name
from kongflow.core.duration import format_duration, parse_duration, parse_size
from kongflow.core.json import Json
from kongflow.core.new_job import MAX_JOB_KEY
from kongflow.core.queue import check_queue_name
from kongflow.core.task import MAX_NAME_LENGTH, MAX_PRIORITY, MIN_PRIORITY
from kongflow.errors import InvalidOption

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]*")
_SNAKE_NAME = re.compile(r"[a-z][a-z0-9_]*")
_QUEUE_NAME = re.compile(r"[A-Za-z*][A-Za-z0-9_.:*-]*")
_TEMPLATE = "<<"
_BLOCK_ADVICE = "a block of text after > or | ends with a line break, after >- or |- it does not"
_TEMPLATE_KINDS = ("template", "queue", "job-key", "priority")


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """A value that its rule forbids: the finding without its place."""

    slug: str
    message: str
    help: str = ""


def accepts(rule: Rule, value: Json) -> bool:
    """Say whether a value is of the type that a rule wants, whatever else it wants."""
    kind = _type(rule)
    match value:
        case bool():
            return kind == "boolean"
        case int():
            return kind in ("integer", "number")
        case float():
            return kind == "number" or (kind == "integer" and value.is_integer())
        case str():
            return kind == "string"
        case list():
            return kind == "array"
        case dict():
            return kind == "object"
    return False


def check_scalar(rule: Rule, value: Json) -> Json:
    """Return what a value of the right type means: seconds for a duration. Raises: Refused."""
    if "enum" in rule:
        return _choice(rule, value)
    if "const" in rule and value != rule["const"]:
        if rule.get("x-kind") == "language-version":
            message = f"this release reads version {rule['const']} of the language, not {value}"
            raise Refused("language-version", message, f"write version: {rule['const']}, or upgrade kongflow")
        raise Refused("wrong-choice", f"expected {wanted(rule)}, got {got(value)}", f"write {wanted(rule)}")
    if isinstance(value, str):
        return _text(rule, value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number(rule, value)
    return value


def wanted(rule: Rule) -> str:
    """Return what a rule wants, in words for a message."""
    if "anyOf" in rule:
        return " or ".join(dict.fromkeys(wanted(branch) for branch in rule["anyOf"]))
    if "enum" in rule:
        return "one of " + ", ".join(rule["enum"])
    if "const" in rule:
        return str(rule["const"]).lower() if isinstance(rule["const"], bool) else str(rule["const"])
    special = {"duration": "a duration such as 30s", "path": "a path", "size": "a size such as 256MiB"}
    named = special.get(rule.get("x-kind", ""))
    kinds = {"string": "text", "boolean": "true or false", "array": "a list", "object": "a mapping"}
    return named or kinds.get(_type(rule)) or f"{_article(rule)} {_range(rule)}".strip()


def got(value: Json) -> str:
    """Return what a value is, in words for a message."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {quoted(value)}"
        case list():
            return "a list"
    return "a mapping"


def wrong_type(rule: Rule, value: Json, written: str) -> Refused:
    """Return the refusal of a value whose type its rule does not want; `written`: the value as the file has it."""
    branches = rule.get("anyOf", [rule])
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and any(branch.get("x-kind") == "duration" for branch in branches):
        return Refused("duration-invalid", "a duration needs a unit", f"write {value}s for seconds (w d h m s ms)")
    if isinstance(value, str) and _TEMPLATE in value:
        message = "this key is read when the file is loaded and takes no template"
        return Refused("template-not-allowed", message, f"write {wanted(rule)}, or ${{NAME}}")
    return Refused("wrong-type", f"expected {wanted(rule)}, got {got(value)}", _type_help(branches, value, written))


def _type_help(branches: list[Rule], value: Json, written: str) -> str:
    types = {_type(branch) for branch in branches}
    if any("enum" in branch for branch in branches):
        return "choose one of them"
    if value is None:
        empty = "write {} for all defaults, or delete the key" if "object" in types else "give a value"
        return empty if types & {"object", "string", "integer", "number", "boolean"} else "write [] for none"
    if "array" in types and not isinstance(value, (list, dict)):
        return f"write [{value}]" if isinstance(value, str) else f"write [{got(value).rpartition(' ')[2]}]"
    if "string" in types and isinstance(value, (bool, int, float)):
        return f'quote it: "{written}"'
    if "boolean" in types and str(value).lower() in ("yes", "on", "no", "off"):
        meant = "true" if str(value).lower() in ("yes", "on") else "false"
        return f"write {meant}; yes, no, on and off are plain text in YAML 1.2"
    if types & {"integer", "number"} and isinstance(value, str) and re.fullmatch(r"[0-9.]+", value):
        return "write it without quotes"
    return ""


def _type(rule: Rule) -> str:
    if "type" in rule:
        return str(rule["type"])
    sample = rule["const"] if "const" in rule else rule["enum"][0]
    if isinstance(sample, bool):
        return "boolean"
    return "string" if isinstance(sample, str) else "integer"


def _article(rule: Rule) -> str:
    return "an integer" if _type(rule) == "integer" else "a number"


def _range(rule: Rule) -> str:
    low, high = rule.get("minimum"), rule.get("maximum")
    if low is None:
        return ""
    return f"of {low} or more" if low == 1 and high != 1 else f"from {low} to {high}"


def _choice(rule: Rule, value: Json) -> Json:
    if value not in rule["enum"]:
        choices = rule["enum"]
        message = f"{quoted(value)} is not one of {', '.join(choices)}"
        raise Refused("wrong-choice", message, suggestion(str(value), choices, "choose one of them"))
    return value


def _number(rule: Rule, value: float) -> Json:
    if not rule.get("minimum", value) <= value <= rule.get("maximum", value):
        low, high = rule["minimum"], rule["maximum"]
        raise Refused("out-of-range", f"expected {_article(rule)} from {low} to {high}, got {value}")
    return int(value) if _type(rule) == "integer" else value


def _text(rule: Rule, value: str) -> Json:
    kind = rule.get("x-kind", "")
    if kind not in _TEMPLATE_KINDS and not rule.get("x-text") and _TEMPLATE in value:
        message = "this key is read when the file is loaded and takes no template"
        advice = "a task takes one in queue, job_key and priority, a schedule in its payload"
        raise Refused("template-not-allowed", message, advice)
    if len(value) < rule.get("minLength", 0):
        raise Refused("wrong-format", "this text is empty", "give a value, or delete the key")
    if len(value) > rule.get("maxLength", len(value)):
        raise Refused("wrong-format", f"at most {rule['maxLength']} characters, this has {len(value)}")
    if kind == "duration":
        return _duration(rule, value)
    if kind in _KINDS:
        return _KINDS[kind](value)
    if "pattern" in rule and not re.fullmatch(rule["pattern"], value):
        raise Refused("wrong-format", f"expected {rule['x-format']}, got {got(value)}")
    return value


def _duration(rule: Rule, value: str) -> float:
    try:
        seconds = parse_duration(value)
    except InvalidOption as problem:
        bare = re.fullmatch(r"[0-9.]+", value)
        advice = f"write {value}s for seconds (w d h m s ms)" if bare else ""
        raise Refused("duration-invalid", str(problem), advice) from None
    shortest = parse_duration(rule.get("x-min", "0s"))
    if seconds < shortest:
        raise Refused("out-of-range", f"{value} is too short", f"at least {format_duration(shortest)}")
    return seconds


def _size(value: str) -> int:
    try:
        return parse_size(value)
    except InvalidOption as problem:
        raise Refused("wrong-format", str(problem)) from None


def _name(value: str) -> str:
    if len(value) > MAX_NAME_LENGTH:
        raise Refused("name-invalid", f"a name has at most {MAX_NAME_LENGTH} characters, this has {len(value)}")
    if not _NAME.fullmatch(value):
        message = f"{quoted(value)} is not a name"
        raise Refused("name-invalid", message, "a letter, then letters, digits, and _ . : -")
    return value


def _snake_name(value: str) -> str:
    if len(value) > MAX_NAME_LENGTH:
        raise Refused("name-invalid", f"a name has at most {MAX_NAME_LENGTH} characters, this has {len(value)}")
    if not _SNAKE_NAME.fullmatch(value):
        advice = "a lower-case letter, then lower-case letters, digits, and _"
        raise Refused("name-invalid", f"{quoted(value)} is not a name in lower_snake_case", advice)
    return value


def _schema_name(value: str) -> str:
    try:
        return check_schema_name(value)
    except InvalidOption as error:
        raise Refused("name-invalid", f"{quoted(value)} cannot be the schema of the tables", str(error)) from None


def _queue_name(value: str) -> str:
    if len(value) > MAX_NAME_LENGTH:
        raise Refused("name-invalid", f"a name has at most {MAX_NAME_LENGTH} characters, this has {len(value)}")
    if not _QUEUE_NAME.fullmatch(value):
        message = f"{quoted(value)} is not the name of a queue"
        raise Refused("name-invalid", message, "a letter or *, then letters, digits, and _ . : - *")
    if value.count("*") > 1:
        raise Refused("name-invalid", "a pattern holds one *, this has more", "one * matches : too")
    return value


def _queue(value: str) -> str:
    if value != value.strip():
        raise Refused("name-invalid", f"the queue name {quoted(value)} begins or ends with a space", _BLOCK_ADVICE)
    if _TEMPLATE in value:
        return value
    try:
        return check_queue_name(value)
    except InvalidOption as problem:
        advice = 'write the part after it as a template: "runs:<< payload.id >>"' if "*" in value else ""
        raise Refused("name-invalid", str(problem), advice) from None


def _job_key(value: str) -> str:
    if value.endswith("\n"):
        raise Refused("wrong-format", f"the job key {quoted(value)} ends with a line break", _BLOCK_ADVICE)
    if _TEMPLATE not in value and len(value) > MAX_JOB_KEY:
        raise Refused("wrong-format", f"a job key has at most {MAX_JOB_KEY} characters, this has {len(value)}")
    if _TEMPLATE not in value and not value.isprintable():
        raise Refused("wrong-format", f"the job key {quoted(value)} holds a control character")
    return value


def _priority(value: str) -> str:
    if _TEMPLATE not in value:
        message = f"expected a number from {MIN_PRIORITY} to {MAX_PRIORITY} or a template, got {got(value)}"
        raise Refused("wrong-type", message, "write it without quotes" if value.lstrip("-").isdigit() else "")
    return value


_KINDS: dict[str, Callable[[str], Json]] = {
    "name": _name,
    "snake-name": _snake_name,
    "queue-name": _queue_name,
    "schema-name": _schema_name,
    "queue": _queue,
    "job-key": _job_key,
    "priority": _priority,
    "size": _size,
}
