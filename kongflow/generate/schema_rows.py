"""A JSON Schema as the rows of a table: every key that a value may have, with its type in words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kongflow.core.json import Json
from kongflow.core.schema import PayloadSchema
from kongflow.core.schema_parts import (
    Node,
    as_list,
    as_object,
    items_of,
    key_of,
    parts_of,
    told_apart,
    top_of,
    types_of,
    values_of,
)
from kongflow.generate.markdown_text import code, json_code, plain

_EVERY_TYPE = types_of(())
_WORDS = {"string": "text", "number": "number", "integer": "integer", "boolean": "true or false", "null": "null"}
_SILENT = ("if", "not", "dependentRequired", "dependentSchemas", "propertyNames", "contains", "unevaluatedItems")
"""Keywords that a table does not show, in the order in which it says so."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Row:
    """A key: where it is, its type, whether it must be there, its default and its description, all Markdown."""

    path: str
    type: str
    required: str
    default: str
    description: str


def rows_of(schema: PayloadSchema) -> list[Row]:
    """Return a row for each key, those below it included; where a schema leads back to itself, it ends."""
    return list(_below(parts_of(top_of(schema)), "", ()))


def summary_of(schema: PayloadSchema) -> str:
    """Return what the whole value is, in a word or two."""
    return _type(parts_of(top_of(schema)))


def description_of(schema: PayloadSchema) -> str:
    """Return what the schema says of the whole value."""
    return _said(parts_of(top_of(schema)))


def unsaid_of(schema: PayloadSchema) -> list[str]:
    """Return the keywords by which a schema says more than its rows show."""
    words: set[str] = set()
    pending, seen = [top_of(schema)], set[str]()
    while pending:
        for part in parts_of(pending.pop()):
            identity = json.dumps(key_of(part))
            if identity not in seen:
                seen.add(identity)
                words |= part.keywords.keys()
                pending += _children(part)
    return [word for word in _SILENT if word in words]


def _children(part: Node) -> Iterator[Node]:
    for keyword in ("properties", "patternProperties"):
        yield from (part.at(keyword, name) for name in as_object(part.keywords.get(keyword)))
    for keyword in ("anyOf", "oneOf", "prefixItems"):
        yield from (part.at(keyword, index) for index, _ in enumerate(as_list(part.keywords.get(keyword))))
    for keyword in ("items", "additionalProperties"):
        if isinstance(part.keywords.get(keyword), dict):
            yield part.at(keyword)


def _below(parts: Sequence[Node], path: str, inside: tuple[str, ...], choice: str = "") -> Iterator[Row]:
    """Yield the rows below a value. `inside`: the schemas that it stands in; `choice`: which alternative it is."""
    identity = json.dumps([key_of(part) for part in parts])
    if identity in inside or len(inside) > _DEEPEST:
        return
    inside = (*inside, identity)
    required = {str(key) for part in parts for key in as_list(part.keywords.get("required"))}
    for key in dict.fromkeys(key for part in parts for key in as_object(part.keywords.get("properties"))):
        found = [each for part in parts for each in _property(part, key)]
        if not any(each.schema is False for each in found):
            must = choice if key in required and choice else "yes" if key in required else ""
            yield from _row(found, _joined(path, key), must, inside)
    for part in parts:
        for pattern in as_object(part.keywords.get("patternProperties")):
            yield from _row(parts_of(part.at("patternProperties", pattern)), f"{path}[/{pattern}/]", "", inside)
        if as_object(part.keywords.get("additionalProperties")):
            yield from _row(parts_of(part.at("additionalProperties")), f"{path}[…]", "", inside)
    for number, branch in enumerate(_branches(parts), 1):
        yield from _below(branch, path, inside, f"{choice or 'choice'} {number}")
    for index in range(told_apart(parts)):
        yield from _below(items_of(parts, index) or (), f"{path}[{index}]", inside)
    if items := items_of(parts, told_apart(parts)):
        yield from _below(items, f"{path}[]", inside)


_DEEPEST = 12


def _row(parts: Sequence[Node], path: str, required: str, inside: tuple[str, ...]) -> Iterator[Row]:
    default = next((json_code(part.keywords["default"]) for part in parts if "default" in part.keywords), "")
    yield Row(code(path), _type(parts), required, default, plain(_said(parts)))
    yield from _below(parts, path, inside)


def _property(part: Node, key: str) -> list[Node]:
    return parts_of(part.at("properties", key)) if key in as_object(part.keywords.get("properties")) else []


def _branches(parts: Sequence[Node]) -> Iterator[list[Node]]:
    for part in parts:
        for keyword in ("anyOf", "oneOf"):
            for index, _ in enumerate(as_list(part.keywords.get(keyword))):
                yield parts_of(part.at(keyword, index))


def _joined(path: str, key: str) -> str:
    step = key if _NAME.fullmatch(key) else json.dumps(key, ensure_ascii=False)
    return f"{path}.{step}" if path else step


def _said(parts: Sequence[Node]) -> str:
    texts = (part.keywords.get("description", part.keywords.get("title")) for part in parts)
    return next((text for text in texts if isinstance(text, str)), "")


# --- types in words --------------------------------------------------------------------------------------------------


def _type(parts: Sequence[Node], depth: int = 0) -> str:
    if any(part.schema is False for part in parts):
        return "nothing"
    values = values_of(parts)
    if values is not None:
        return " or ".join(map(json_code, values))
    branches = list(_branches(parts))
    kinds = types_of(parts)
    if branches and depth < _DEEPEST and (kinds == _EVERY_TYPE or all(_is_scalar(branch) for branch in branches)):
        return " or ".join(dict.fromkeys(_type(branch, depth + 1) for branch in branches))
    if kinds == _EVERY_TYPE:
        return "any JSON"
    words = [word for kind, word in _WORDS.items() if kind in kinds and not (kind == "integer" and "number" in kinds)]
    if "array" in kinds:
        items = items_of(parts, told_apart(parts))
        words.append(f"list of {_type(items, depth + 1)}" if items and depth < _DEEPEST else "list")
    if "object" in kinds:
        words.append("object")
    return ", ".join([" or ".join(words) or "nothing", *_limits(parts)])


def _is_scalar(parts: Sequence[Node]) -> bool:
    return not types_of(parts) & {"object", "array"} or values_of(parts) is not None


def _limits(parts: Sequence[Node]) -> Iterator[str]:
    for part in parts:
        said = part.keywords
        for least, most, unit in (("minLength", "maxLength", "character"), ("minItems", "maxItems", "item")):
            yield from _range(said.get(least), said.get(most), f" {unit}")
        yield from _range(said.get("minimum"), said.get("maximum"), "")
        yield from (f"more than {said[word]}" for word in ("exclusiveMinimum",) if word in said)
        yield from (f"less than {said[word]}" for word in ("exclusiveMaximum",) if word in said)
        yield from (f"a multiple of {said[word]}" for word in ("multipleOf",) if word in said)
        yield from (f"{word} {code(str(said[word]))}" for word in ("format", "pattern") if word in said)
        if said.get("uniqueItems") is True:
            yield "no two alike"


def _range(least: Json, most: Json, unit: str) -> Iterator[str]:
    plural = unit and ("" if (least if most is None else most) == 1 else "s")
    if least is not None and most is not None:
        yield f"{least} to {most}{unit}{plural}" if least != most else f"{least}{unit}{plural}"
    elif least is not None:
        yield f"at least {least}{unit}{plural}"
    elif most is not None:
        yield f"at most {most}{unit}{plural}"
