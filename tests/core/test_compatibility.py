"""What a schema refuses of the payloads of another: by the table of changes that people make, and by the payloads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kongflow.core.compatibility import refusals
from kongflow.core.schema import PayloadSchema
from kongflow.errors import InvalidPayload

FORMATS = (
    *("date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6", "uri"),
    *(
        "uri-reference",
        "iri",
        "iri-reference",
        "uri-template",
        "uuid",
        "json-pointer",
        "relative-json-pointer",
        "regex",
    ),
)
TEXT, NUMBER, WHOLE = {"type": "string"}, {"type": "number"}, {"type": "integer"}


def told(wider: Any, narrower: Any, proven: bool = True) -> list[str]:
    found = refusals(PayloadSchema.compile(wider), PayloadSchema.compile(narrower))
    return [f"{'.'.join(map(str, each.value))}: {each.message}" for each in found if each.proven is proven]


def closed(properties: Any, *required: str) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": list(required)}


def opened(properties: Any, *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


@pytest.mark.parametrize(
    ("old", "new", "backward", "forward"),
    [
        (closed({"a": TEXT}), closed({"a": TEXT, "b": TEXT}), [], []),
        (closed({"a": TEXT}), closed({"a": TEXT, "b": TEXT}, "b"), [": 'b' is required"], []),
        (closed({"a": TEXT}), closed({"a": TEXT}, "a"), [": 'a' is required"], []),
        (closed({}), closed({"b": {"type": "string", "default": "x"}}, "b"), [], []),
        (closed({"a": TEXT}), closed({}), [], []),
        (opened({"a": TEXT}, "a"), opened({}), [], [": 'a' is required"]),
        (closed({"a": TEXT}, "a"), closed({"a": TEXT}), [], [": 'a' is required"]),
        (closed({"a": WHOLE}), closed({"a": NUMBER}), [], ["a: number is not accepted"]),
        (closed({"a": TEXT}), closed({"a": {"type": ["string", "null"]}}), [], ["a: null is not accepted"]),
        (closed({"a": TEXT}), closed({"a": WHOLE}), ["a: string is not accepted"], ["a: integer is not accepted"]),
        (closed({"a": {"enum": [1]}}), closed({"a": {"enum": [1, "b"]}}), [], ['a: "b" is not accepted']),
        (closed({"a": TEXT}), closed({"a": {"enum": ["x"]}}), ['a: only "x" is accepted'], []),
        (closed({"a": {"const": 1.0}}), closed({"a": {"enum": [1, 2]}}), [], ["a: 2 is not accepted"]),
        (closed({"a": NUMBER}), closed({"a": {**NUMBER, "minimum": 1}}), ["a: less than 1 is not accepted"], []),
        (
            closed({"a": {**NUMBER, "exclusiveMinimum": 1}}),
            closed({"a": {**NUMBER, "minimum": 1}}),
            [],
            ["a: 1 and less is not accepted"],
        ),
        (
            closed({"a": {**TEXT, "maxLength": 9}}),
            closed({"a": {**TEXT, "maxLength": 5}}),
            ["a: more than 5 characters are not accepted"],
            [],
        ),
        (
            closed({"a": TEXT}),
            closed({"a": {**TEXT, "pattern": "^x"}}),
            ["a: what is there cannot be shown to fit the pattern '^x'"],
            [],
        ),
        (opened({"a": TEXT}), closed({"a": TEXT}), [], []),
        (
            {"type": "array", "items": TEXT},
            {"type": "array", "items": {"anyOf": [TEXT, {"type": "null"}]}},
            [],
            ["0: null is not accepted"],
        ),
        (
            {"$ref": "#/$defs/x", "$defs": {"x": opened({"a": TEXT}, "a")}},
            {"allOf": [opened({"a": WHOLE})]},
            ["a: string is not accepted"],
            [": 'a' is required", "a: integer is not accepted"],
        ),
        (closed({"a": WHOLE}), closed({"a": {**WHOLE, "multipleOf": 1}}), [], []),
        (closed({"a": TEXT}), closed({"a": {**TEXT, "description": "x", "examples": ["x"]}}), [], []),
        ({}, {"type": "object"}, [": null or boolean or number or string or array is not accepted"], []),
        (False, {"type": "object"}, [], [": nothing is accepted here"]),
    ],
)
def test_each_change_breaks_what_it_breaks(old: Any, new: Any, backward: list[str], forward: list[str]) -> None:
    assert told(old, new) == backward
    assert told(new, old) == forward


@pytest.mark.parametrize(
    ("old", "new", "doubt"),
    [
        (opened({}), opened({"a": TEXT}), ["a: 'a' was not declared, so that it may be anything in what was added"]),
        ({"not": TEXT}, {"not": WHOLE}, [": not has changed, and cannot be compared"]),
        ({"not": TEXT}, {"not": {"type": "string"}}, []),
        (
            closed({"a": {"anyOf": [TEXT, WHOLE]}}),
            closed({"a": {"oneOf": [{"minLength": 1}, {"maxLength": 5}]}}),
            ["a: oneOf has changed, and cannot be compared"],
        ),
    ],
)
def test_what_nobody_can_say_is_told_as_that(old: Any, new: Any, doubt: list[str]) -> None:
    assert told(old, new) == []
    assert told(old, new, proven=False) == doubt


def test_it_says_where_in_both_schemas() -> None:
    old = closed({"a": {"$ref": "#/$defs/x"}}) | {"$defs": {"x": opened({"b": TEXT})}}
    new = closed({"a": opened({"b": WHOLE})})

    (found,) = refusals(PayloadSchema.compile(old), PayloadSchema.compile(new))

    assert (found.value, found.wider, found.narrower) == (
        ("a", "b"),
        ("properties", "a", "$ref"),
        ("properties", "a", "properties", "b", "type"),
    )


def test_a_schema_that_refers_to_itself_is_compared_to_its_end() -> None:
    tree = {"$ref": "#/$defs/t", "$defs": {"t": opened({"left": {"$ref": "#/$defs/t"}, "v": TEXT})}}
    other = {"$ref": "#/$defs/t", "$defs": {"t": opened({"left": {"$ref": "#/$defs/t"}, "v": WHOLE})}}

    assert told(tree, tree) == []
    assert len(told(tree, other)) == 1


def chain(length: int, end: Any) -> dict[str, Any]:
    targets: dict[str, Any] = {f"x{index}": {"$ref": f"#/$defs/x{index + 1}"} for index in range(length)}
    return {"$ref": "#/$defs/x0", "$defs": targets | {f"x{length}": end}}


FILLED = {"b": {"default": 1}}
CLOSED_A = {"anyOf": [closed({"a": {}}, "a"), {"type": "null"}]}
IF_B = {"if": {"required": ["b"]}, "then": {"required": ["c"]}}


@pytest.mark.parametrize(
    ("old", "new", "payload"),
    [
        ({"patternProperties": {"^a": {}}, "additionalProperties": TEXT}, opened({"a": TEXT}), {"a": 5}),
        ({"patternProperties": {"^a": {}}, "additionalProperties": False}, {"additionalProperties": TEXT}, {"ab": 5}),
        (IF_B, {**IF_B, "properties": FILLED}, {}),
        (CLOSED_A, {**CLOSED_A, "properties": FILLED}, {"a": 1}),
        ({"maxProperties": 1}, {"maxProperties": 1, "properties": FILLED}, {"a": 1}),
        ({"const": {"a": 1}}, {"const": {"a": 1}, "properties": FILLED}, {"a": 1}),
        (closed({}), closed({"b": {"type": "string", "default": 5}}), {}),
        (closed({}), {"properties": FILLED, "allOf": [{"properties": {"b": TEXT}}]}, {}),
        (closed({}), {"properties": FILLED, "allOf": [{"additionalProperties": TEXT}]}, {}),
        ({"allOf": [{"properties": FILLED}]}, {"required": ["b"]}, {}),
        ({"type": "object"}, {"allOf": [{"properties": FILLED, "required": ["b"]}]}, {}),
        (
            {"additionalProperties": {"type": "object"}},
            {"additionalProperties": {"properties": FILLED, "required": ["b"]}},
            {"k": {}},
        ),
        (opened({"k": opened({})}), {"additionalProperties": {"properties": FILLED, "required": ["b"]}}, {"k": {}}),
        ({"prefixItems": [TEXT, WHOLE], "items": False}, {"items": TEXT}, ["a", 5]),
        ({"contains": TEXT}, {"contains": TEXT, "minContains": 2}, ["a"]),
        ({"contains": TEXT}, {"contains": TEXT, "maxContains": 1}, ["a", "b"]),
        (
            {"prefixItems": [{}, {}], "unevaluatedItems": False},
            {"prefixItems": [{}], "unevaluatedItems": False},
            [1, 2],
        ),
        (
            {"type": "object"},
            {"anyOf": [{"properties": {"a": {}}, "unevaluatedProperties": False}, {"type": "null"}]},
            {"z": 1},
        ),
        ({"enum": [[True]]}, {"enum": [[1]]}, [True]),
        ({"const": {"a": 5}}, opened({"a": TEXT}), {"a": 5}),
        (WHOLE, chain(40, TEXT), 5),
    ],
)
def test_what_refuses_a_payload_is_told(old: Any, new: Any, payload: Any) -> None:
    before, after = PayloadSchema.compile(old), PayloadSchema.compile(new)

    with pytest.raises(InvalidPayload):
        after.check_run(before.check_added(payload))
    assert refusals(before, after)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (opened({}), {**opened({"b": {"$ref": "#/$defs/x"}}, "b"), "$defs": {"x": {"default": 1}}}),
        (opened({}), {"properties": FILLED, "allOf": [{"required": ["b"]}]}),
        (opened({}), opened({"o": {"type": "object", "default": {"a": "x"}, "properties": {"a": TEXT}}})),
        (closed({"x_a": TEXT}), {"patternProperties": {"^x_": {}}, "additionalProperties": WHOLE}),
        ({"patternProperties": {"^x": TEXT}, "additionalProperties": False}, {"additionalProperties": TEXT}),
        (opened({"a": {"type": "boolean"}}), opened({"a": {"enum": [False, True]}})),
        ({"type": "null"}, {"const": None}),
        ({"enum": ["x", "yy"]}, {"type": "string", "maxLength": 2, "minLength": 1, "pattern": "^[xy]+$"}),
        ({"enum": [2, 4]}, {"multipleOf": 2, "minimum": 2, "exclusiveMaximum": 5}),
        ({"type": "string", "enum": ["x", None]}, {"enum": ["x"]}),
        ({"allOf": [{"enum": [1, 2]}, {"enum": [2, 3]}]}, {"const": 2}),
        (TEXT, {"type": "string", "format": "colour"}),
        ({**WHOLE, "exclusiveMinimum": 0, "exclusiveMaximum": 9}, {**WHOLE, "minimum": 1, "maximum": 8}),
        (opened({}, "a", "b"), {**opened({}, "a", "b"), "minProperties": 2}),
        ({"prefixItems": [TEXT], "maxItems": 1}, {"prefixItems": [TEXT], "items": False}),
        (
            {"allOf": [opened({"a": {}, "b": {}}), closed({"a": {}})]},
            {"properties": {"a": {}}, "additionalProperties": TEXT},
        ),
    ],
)
def test_what_fits_is_no_error(old: Any, new: Any) -> None:
    assert told(old, new) == []


def web(end: Any) -> dict[str, Any]:
    """Forty schemas that refer to one another, of which each may be text, or null."""
    reference = "#/$defs/x{}".format
    targets = {
        f"x{index}": {
            "anyOf": [
                opened({"l": {"$ref": reference((index + 1) % 40)}, "r": {"$ref": reference((index + 7) % 40)}}),
                TEXT,
                end,
            ]
        }
        for index in range(40)
    }
    return {"properties": {"x": {"$ref": reference(0)}}, "$defs": targets}


def test_what_has_not_changed_is_not_compared() -> None:
    more = web(WHOLE) | {"required": ["y"]}

    assert refusals(PayloadSchema.compile(web(WHOLE)), PayloadSchema.compile(web(WHOLE))) == ()
    assert told(web(WHOLE), more) == [": 'y' is required"]
    assert told(web(WHOLE), more, proven=False) == []


@pytest.mark.parametrize("keyword", ["oneOf", "anyOf"])
def test_a_note_is_no_change(keyword: str) -> None:
    branch = {"properties": {"title": TEXT, "examples": {"not": TEXT}}, "dependentRequired": {"examples": ["title"]}}
    other = {"enum": [{"title": "x"}]}
    noted = {**branch, "title": "x", "description": "y", "$comment": "z", "examples": [{}]}

    assert (
        refusals(PayloadSchema.compile({keyword: [branch, other]}), PayloadSchema.compile({keyword: [noted, other]}))
        == ()
    )


@pytest.mark.parametrize(
    "new",
    [
        {"oneOf": [{"enum": [{"title": "y"}]}, {"not": {"minLength": 1}}]},
        {"oneOf": [{"enum": [{"title": "x"}]}, {"not": {"minLength": 2}}]},
        {"dependentRequired": {"examples": ["b"]}},
    ],
)
def test_what_is_called_as_a_note_may_be_none(new: Any) -> None:
    old = {"oneOf": [{"enum": [{"title": "x"}]}, {"not": {"minLength": 1}}]}

    assert refusals(PayloadSchema.compile(old), PayloadSchema.compile(new))


def test_every_property_that_nobody_declared_is_told() -> None:
    found = told(opened({"o": opened({})}), opened({"a": TEXT, "o": opened({"b": TEXT, "c": TEXT})}), proven=False)

    assert [doubt.partition(":")[0] for doubt in found] == ["a", "o.b", "o.c"]


def test_what_a_reference_leads_to_may_have_changed() -> None:
    old = opened({"a": {"$ref": "#/$defs/x"}}) | {"$defs": {"x": {"$ref": "#/$defs/y"}, "y": TEXT}}
    new = opened({"a": {"$ref": "#/$defs/x"}}) | {"$defs": {"x": {"$ref": "#/$defs/y"}, "y": WHOLE}}

    assert told(old, new) == ["a: string is not accepted"]


@pytest.mark.parametrize(
    "new",
    [
        {"properties": {"child": {"$ref": "#"}}},
        {"anyOf": [{"type": "null"}, {"properties": {"next": {"$ref": "#"}}}]},
        {
            "$ref": "#/$defs/x0",
            "$defs": {
                **{
                    f"x{index}": {"properties": {key: {"$ref": f"#/$defs/x{index + 1}"} for key in "ab"}}
                    for index in range(40)
                },
                "x40": {},
            },
        },
        {
            "$ref": "#/$defs/x0",
            "$defs": {
                **{f"x{index}": {"allOf": [{"$ref": f"#/$defs/x{index + 1}"}] * 2} for index in range(40)},
                "x40": {},
            },
        },
    ],
    ids=["recursive", "recursive alternative", "shared properties", "shared parts"],
)
def test_every_schema_is_compared_to_its_end(new: Any) -> None:
    assert told({}, new) == told({}, new, proven=False) == []


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_that_is_checked_may_refuse_what_was_added(name: str) -> None:
    assert len(told(TEXT, {"format": name})) == 1


# --- by the payloads ---

NAMES = st.sampled_from(["a", "b"])
scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "", "a", "ab", "abc"])
values = st.recursive(
    scalars, lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=2), max_leaves=6
)
simple = st.sampled_from(
    [
        {},
        True,
        {"type": "string"},
        {"type": ["string", "null"]},
        {"type": "integer"},
        {"type": "number"},
        {"type": "number", "minimum": 0},
        {"exclusiveMinimum": 0},
        {"maximum": 1, "exclusiveMaximum": 3},
        {"type": "integer", "multipleOf": 2},
        {"enum": [1, "a", None]},
        {"const": 1},
        {"enum": ["a", "ab"]},
        {"minLength": 1},
        {"maxLength": 2, "type": "string"},
        {"pattern": "^a"},
        {"type": "array", "maxItems": 1},
        {"type": "array", "uniqueItems": True, "minItems": 1},
        {"type": "string", "default": "a"},
        {"not": {"type": "null"}},
        {"default": 1},
        {"type": "object", "default": {}},
        {"const": {"a": 1}},
        {"enum": [[1], {}]},
        {"contains": {"type": "string"}, "maxContains": 1},
        {"if": {"required": ["a"]}, "then": {"required": ["b"]}},
        {"dependentRequired": {"a": ["b"]}},
        {"propertyNames": {"const": "a"}},
    ]
)


def _nested(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    properties = st.dictionaries(NAMES, below, max_size=2)
    objects = st.fixed_dictionaries(
        {"type": st.just("object"), "properties": properties},
        optional={
            "required": st.lists(NAMES, unique=True),
            "additionalProperties": st.booleans() | below,
            "maxProperties": st.integers(0, 2),
            "patternProperties": st.fixed_dictionaries({"^a": below}),
            "unevaluatedProperties": st.just(False),
        },
    )
    lists = st.fixed_dictionaries(
        {"items": below}, optional={"type": st.just("array"), "prefixItems": st.lists(below, min_size=1, max_size=2)}
    )
    combined = st.sampled_from(["allOf", "anyOf", "oneOf"]).flatmap(
        lambda keyword: st.fixed_dictionaries({keyword: st.lists(below, min_size=1, max_size=2)})
    )
    return objects | lists | combined


schemas = st.recursive(simple, _nested, max_leaves=5)


@settings(deadline=None, max_examples=300, derandomize=True)
@given(old=schemas, new=schemas, payloads=st.lists(values, min_size=3, max_size=10))
def test_a_schema_of_which_nothing_is_told_takes_every_payload_of_the_other(old: Any, new: Any, payloads: Any) -> None:
    before, after = PayloadSchema.compile(old), PayloadSchema.compile(new)
    assume(refusals(before, after) == ())
    for payload in payloads:
        try:
            added = before.check_added(payload)
        except InvalidPayload:
            continue
        after.check_run(added)
