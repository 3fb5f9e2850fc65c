"""From JSON Schema to Python types: what may be passed, or returned, as a type checker understands it.

A type never refuses what the schema lets pass, but for two things: keys that an object does not list, which are most
likely slips, and tuples in place of lists. What Python's types cannot say (patterns, ranges, `if`, `not`) is left out,
so that the type is wider than the schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from kongflow.core.json import Json, canonical
from kongflow.core.schema import PayloadSchema
from kongflow.core.schema_defaults import has_default
from kongflow.core.schema_parts import Node, as_list, as_object, key_of, top_of, types_of
from kongflow.core.schema_walk import subschemas
from kongflow.generate.python_expressions import (
    JSON,
    NEVER,
    NONE,
    TEXT,
    Expression,
    Name,
    Of,
    Plain,
    exactly,
    one_of,
)
from kongflow.generate.python_names import Taken, camel

MAX_WAYS = 64
"""Alternatives of one value that are told apart; where there are more, they are as wide as what is said beside them."""
_EVERY_TYPE = types_of(())
_SCALARS = {"string": TEXT, "integer": Plain("int"), "number": Plain("float"), "boolean": Plain("bool"), "null": NONE}
_NOTES = frozenset({"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment"})


@dataclass(frozen=True, slots=True)
class Field:
    """A key of an object."""

    key: str
    type: Expression
    required: bool
    doc: str


@dataclass(frozen=True, slots=True)
class Shape:
    """An object with the keys that it lists: a TypedDict."""

    name: str
    doc: tuple[str, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Alias:
    """A type that refers to itself and is no object."""

    name: str
    type: Expression


@dataclass(frozen=True, slots=True)
class _Part:
    """A subschema. `filled`: defaults are filled in at this place, as `schema_defaults` does."""

    node: Node
    filled: bool

    @property
    def keywords(self) -> dict[str, Json]:
        return as_object(self.node.schema)


def shapes_of(schema: PayloadSchema, name: str, taken: Taken, *, payload: bool) -> list[Shape | Alias]:
    """Return the definitions of a schema; the last one is that of the whole, under its name, which is taken already.

    `payload`: the value is an object whatever the schema says, and defaults are filled in before it is checked.
    """
    top = top_of(schema)
    filled = payload and _has_defaults(schema)
    converter = _Converter(taken, name)
    converter.targets[top.resolver.base_uri, "", filled] = _Pending(name)
    parts = list(_parts(_Part(top, filled)))
    if payload:
        parts.append(_Part(Node({"type": "object"}, top.resolver, ()), False))
    whole = converter.convert(parts, name, own=name)
    if whole != Name(name):
        converter.defined.append(Alias(name, whole))
    return converter.defined


def _has_defaults(schema: PayloadSchema) -> bool:
    every = (schema.schema, *schema.resources.values())
    return any("default" in as_object(sub) for each in every for _, sub in subschemas(each))


def _parts(part: _Part) -> Iterator[_Part]:
    """Yield a subschema with what its `$ref` and `allOf` say beside it; what several refer to once."""
    pending, followed = [part], set[tuple[str, str, bool]]()
    while pending:
        one = pending.pop()
        yield one
        beside = [
            _Part(one.node.at("allOf", index), False) for index, _ in enumerate(as_list(one.keywords.get("allOf")))
        ]
        reference = (one.node.resolver.base_uri, str(one.keywords.get("$ref")), one.filled)
        if "$ref" in one.keywords and reference not in followed:
            followed.add(reference)
            beside.insert(0, _Part(one.node.target(), one.filled))
        pending += reversed(beside)


@dataclass
class _Pending:
    name: str
    used: bool = False


@dataclass
class _Converter:
    """Converts one schema; each place that it refers to once."""

    taken: Taken
    root: str
    defined: list[Shape | Alias] = field(default_factory=list)
    targets: dict[tuple[str, str, bool], Expression | _Pending] = field(default_factory=dict)
    under_way: dict[str, _Pending] = field(default_factory=dict)
    made: dict[tuple[str, str], Expression] = field(default_factory=dict)

    def convert(self, parts: Sequence[_Part], name: str, own: str | None = None) -> Expression:
        """Return the type of a value that is as all parts say. `name`: what its definition is called, if it needs one;
        `own`: the name that was taken for it.
        """
        if any(part.node.schema is False for part in parts):
            return NEVER
        ways = list(_ways(parts))
        if len(ways) == 1:
            return self._one_way(ways[0], name, own)
        numbered = [f"{name}{number}" if own else name for number in range(1, len(ways) + 1)]
        every = (self._one_way(way, name, None, wanted) for way, wanted in zip(ways, numbered, strict=True))
        found = one_of(self._distinct(every))
        last = self.defined[-1] if self.defined else None
        if own is None or not isinstance(last, Shape) or found != Name(last.name):
            return found
        self.taken.give_back(last.name)
        self.defined[-1] = replace(last, name=own)
        return Name(own)

    def _distinct(self, types: Iterable[Expression]) -> Iterator[Expression]:
        """Yield types without those whose definition is the same as that of another: then there is one, not two."""
        known: dict[tuple[Field, ...], Name] = {}
        for type_ in types:
            shape = self.defined[-1] if self.defined and type_ == Name(self.defined[-1].name) else None
            if isinstance(shape, Shape):
                keys = tuple(replace(each, doc="") for each in shape.fields)
                if keys in known:
                    self.taken.give_back(self.defined.pop().name)
                    continue
                known[keys] = Name(shape.name)
            yield type_

    def _one_way(self, parts: Sequence[_Part], name: str, own: str | None, wanted: str | None = None) -> Expression:
        nodes = [part.node for part in parts]
        kinds = types_of(nodes)
        values = _values(parts)
        if values is not None:
            return exactly(value for value in values if _kind(value) in kinds)
        if kinds == _EVERY_TYPE:
            return JSON
        found: list[Expression] = [scalar for kind, scalar in _SCALARS.items() if kind in kinds]
        if "number" in kinds:
            found.remove(_SCALARS["integer"])
        if "array" in kinds:
            found.append(self._list(parts, name))
        if "object" in kinds:
            found.append(self._object(parts, name, own, wanted or name))
        return one_of(found)

    # --- lists -------------------------------------------------------------------------------------------------------

    def _list(self, parts: Sequence[_Part], name: str) -> Expression:
        count = max(len(as_list(part.keywords.get("prefixItems"))) for part in parts)
        first = [self._item(parts, index, f"{name}Item{index + 1}") for index in range(count)]
        is_closed = any(part.keywords.get("items") is False for part in parts)
        rest = NEVER if is_closed else self._item(parts, count, f"{name}Item")
        as_list_ = Of("list", (one_of([*first, rest]),))
        least = max(int(part.keywords.get("minItems", 0)) for part in parts)
        if first and is_closed and least >= count:
            return one_of([as_list_, Of("tuple", tuple(first))])
        return as_list_

    def _item(self, parts: Sequence[_Part], index: int, name: str) -> Expression:
        found: list[Node] = []
        for part in parts:
            first = as_list(part.keywords.get("prefixItems"))
            if index < len(first):
                found.append(part.node.at("prefixItems", index))
            elif "items" in part.keywords:
                found.append(part.node.at("items"))
        return self._below([_Part(node, False) for node in found], name)

    # --- objects -----------------------------------------------------------------------------------------------------

    def _object(self, parts: Sequence[_Part], name: str, own: str | None, wanted: str) -> Expression:
        listed = [key for part in parts for key in as_object(part.keywords.get("properties"))]
        required = [str(key) for part in parts for key in as_list(part.keywords.get("required"))]
        keys = list(dict.fromkeys([*listed, *required]))
        is_closed = any(_is_closed(part) for part in parts)
        if not is_closed and any(_has_more(part) for part in parts):
            return self._map(parts, keys, name)
        if not keys and not is_closed:
            return Of("Mapping", (TEXT, JSON))
        taken = own or self.taken.take(wanted)
        fields = [self._field(parts, key, key in required, f"{name}{camel(key)}") for key in keys]
        self.defined.append(Shape(taken, _doc(parts), tuple(each for each in fields if each.type != NEVER)))
        return Name(taken)

    def _field(self, parts: Sequence[_Part], key: str, required: bool, name: str) -> Field:
        found: list[_Part] = []
        has = False
        for part in parts:
            properties = as_object(part.keywords.get("properties"))
            if key in properties:
                below = _Part(part.node.at("properties", key), part.filled)
                found.append(below)
                has = has or (part.filled and has_default(below.node.schema, below.node.resolver))
            elif part.keywords.get("additionalProperties") is False and not _patterns(part):
                found.append(_Part(Node(False, part.node.resolver, ()), False))
        doc = next((text for part in found for text in [_said(part, "description")] if text), "")
        return Field(key, self._below(found, name), required and not has, doc)

    def _map(self, parts: Sequence[_Part], keys: Sequence[str], name: str) -> Expression:
        """Return the type of an object whose other keys have values of types of their own: Python cannot say which."""
        listed = [self._field(parts, key, False, f"{name}{camel(key)}").type for key in keys]
        others = [self._others(part, f"{name}Value") for part in parts if _has_more(part)]
        return Of("Mapping", (TEXT, one_of([*listed, next((type_ for type_ in others if type_ != JSON), JSON)])))

    def _others(self, part: _Part, name: str) -> Expression:
        """Return the type of the values of keys that are not listed, as one part says it."""
        found = [self._below([_Part(sub, False)], name) for sub in _patterns(part)]
        step = "additionalProperties" if "additionalProperties" in part.keywords else "unevaluatedProperties"
        if part.keywords.get(step, True) is not False:
            found.append(self._below([_Part(part.node.at(step), False)], name) if step in part.keywords else JSON)
        return one_of(found)

    # --- what lies below ---------------------------------------------------------------------------------------------

    def _below(self, parts: Sequence[_Part], name: str) -> Expression:
        """Return the type of a value below this one; where its schema is a `$ref` and no more, that of the target."""
        if len(parts) == 1 and parts[0].keywords.keys() <= {"$ref", *_NOTES} and "$ref" in parts[0].keywords:
            return self._target(parts[0])
        if len(parts) == 1 and (choices := _choices(parts[0])):
            return one_of([self._below([_Part(each, False)], name) for each in choices])
        content = json.dumps([[*key_of(part.node), part.filled] for part in parts])
        if content in self.under_way:
            pending = self.under_way[content]
            if not pending.used:
                pending.name, pending.used = self.taken.take(pending.name), True
            return Name(pending.name)
        if (content, name) not in self.made:
            pending = self.under_way[content] = _Pending(name)
            made = self.convert([each for part in parts for each in _parts(part)], name)
            self.made[content, name] = self._named(pending, made)
            del self.under_way[content]
        return self.made[content, name]

    def _named(self, pending: _Pending, made: Expression) -> Expression:
        """Return a type that was made; the name that it got where it refers to itself."""
        if not pending.used or made == Name(pending.name):
            return made
        self.defined.append(Alias(pending.name, made))
        return Name(pending.name)

    def _target(self, part: _Part) -> Expression:
        reference = str(part.keywords["$ref"])
        found = part.node.resolver.lookup(reference)
        key = (found.resolver.base_uri, reference.partition("#")[2], part.filled)
        known = self.targets.get(key)
        if isinstance(known, _Pending):
            known.used = True
            return Name(known.name)
        if known is not None:
            return known
        pending = self.targets[key] = _Pending(self.taken.take(self.root + (camel(_last(reference)) or "Part")))
        target = _Part(Node(found.contents, found.resolver, (), away=True), part.filled)
        made = self._named(pending, self.convert(list(_parts(target)), pending.name, own=pending.name))
        if made != Name(pending.name):
            self.taken.give_back(pending.name)
        self.targets[key] = made
        return made


# --- what a part says ------------------------------------------------------------------------------------------------


def _ways(parts: Sequence[_Part]) -> list[list[_Part]]:
    """Return what may hold, with each `anyOf` and `oneOf` decided."""
    ways: list[list[_Part]] = [[]]
    for part in parts:
        options = [[part]]
        for keyword in ("anyOf", "oneOf"):
            branches = [part.node.at(keyword, index) for index, _ in enumerate(as_list(part.keywords.get(keyword)))]
            inner = [way for branch in branches for way in _ways(list(_parts(_Part(branch, False))))]
            if inner and len(ways) * len(options) * len(inner) <= MAX_WAYS:
                options = [[*option, *way] for option in options for way in inner]
        ways = [[*way, *option] for way in ways for option in options]
    return ways


def _choices(part: _Part) -> list[Node]:
    """Return the alternatives of a subschema that is a choice and no more."""
    keywords = part.keywords.keys() - _NOTES
    if len(keywords) != 1 or not keywords <= {"anyOf", "oneOf"}:
        return []
    (keyword,) = keywords
    return [part.node.at(keyword, index) for index, _ in enumerate(as_list(part.keywords[keyword]))]


def _values(parts: Sequence[_Part]) -> list[Json] | None:
    """Return the values that every `enum` and `const` leaves, or None where there is neither."""
    left: dict[str, Json] | None = None
    for part in parts:
        said = [part.keywords["const"]] if "const" in part.keywords else part.keywords.get("enum")
        if isinstance(said, list):
            values = {canonical(value): value for value in said}
            left = values if left is None else {key: value for key, value in left.items() if key in values}
    return None if left is None else list(left.values())


def _kind(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "integer" if value == int(value) else "number"
        case str():
            return "string"
    return "array" if isinstance(value, list) else "object"


def _is_closed(part: _Part) -> bool:
    """Say whether an object has no keys but those that are listed."""
    no_others = (part.keywords.get(word) is False for word in ("additionalProperties", "unevaluatedProperties"))
    return any(no_others) and not _patterns(part)


def _has_more(part: _Part) -> bool:
    """Say whether other keys have a type of their own."""
    words = (part.keywords.get(word) for word in ("additionalProperties", "unevaluatedProperties"))
    return bool(_patterns(part)) or any(isinstance(said, dict) and said for said in words)


def _patterns(part: _Part) -> list[Node]:
    return [part.node.at("patternProperties", pattern) for pattern in as_object(part.keywords.get("patternProperties"))]


def _doc(parts: Sequence[_Part]) -> tuple[str, ...]:
    return tuple(text for text in [_said(parts[0], "description")] if text)


def _said(part: _Part, keyword: str) -> str:
    text = part.keywords.get(keyword)
    return text if isinstance(text, str) else ""


def _last(reference: str) -> str:
    """Return what a reference is called: the last step of its pointer, else the file."""
    file, _, pointer = reference.partition("#")
    return pointer.rpartition("/")[2] or file.rpartition("/")[2].removesuffix(".json")
