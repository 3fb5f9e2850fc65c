"""Schemas with what they must accept and what they must refuse, over the keywords of draft 2020-12."""

from __future__ import annotations

from typing import Any, NamedTuple


class Case(NamedTuple):
    """One schema, the values that it accepts, and those that it refuses."""

    schema: Any
    accepts: list[Any]
    refuses: list[Any]


_POINT = {"type": "object", "required": ["x", "y"], "properties": {"x": {"type": "number"}, "y": {"type": "number"}}}
_TREE = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}}},
}
_PET = {
    "oneOf": [
        {"properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}}, "required": ["kind", "lives"]},
        {"properties": {"kind": {"const": "dog"}, "tricks": {"type": "array"}}, "required": ["kind", "tricks"]},
    ]
}

CASES = [
    Case(True, [None, 1, {}], []),
    Case(False, [], [None, 1, {}]),
    Case({}, [None, True, 0, "", [], {}], []),
    # type
    Case({"type": "string"}, ["", "a"], [1, None, True, [], {}]),
    Case({"type": "integer"}, [0, -5, 2**62, 1.0, -0.0], [1.5, "1", True, None]),
    Case({"type": "number"}, [0, 1.5, -1e300], ["1", False, None]),
    Case({"type": "boolean"}, [True, False], [0, 1, "true", None]),
    Case({"type": "null"}, [None], [0, False, "", {}]),
    Case({"type": "array"}, [[], [1]], [{}, "a", None]),
    Case({"type": "object"}, [{}, {"a": 1}], [[], "a", None]),
    Case({"type": ["string", "null"]}, ["a", None], [1, False, {}]),
    # enum, const
    Case(
        {"enum": ["a", 1, None, [1], {"k": 2}]}, ["a", 1, 1.0, None, [1], {"k": 2}], ["b", True, [1, 2], {"k": 3}, {}]
    ),
    Case({"enum": [False, 0.5]}, [False, 0.5], [0, None, "false"]),
    Case({"const": 0}, [0, 0.0], [False, "0", None]),
    Case({"const": True}, [True], [1, "true"]),
    Case({"const": {"a": [1, {"b": 2}]}}, [{"a": [1, {"b": 2}]}], [{"a": [{"b": 2}, 1]}, {"a": [1]}]),
    # numbers
    Case({"minimum": 1.5}, [1.5, 2, "1"], [1, -1]),
    Case({"maximum": 3}, [3, -9, "4"], [3.01, 4]),
    Case({"exclusiveMinimum": 0}, [0.1, 1], [0, -1, -0.0]),
    Case({"exclusiveMaximum": 0}, [-1], [0, 0.1]),
    Case({"multipleOf": 3}, [0, 9, -3, 4.5 * 2, "a"], [1, 4.5]),
    Case({"multipleOf": 0.01}, [0.01, 4.5, 1], [0.001, 19.999]),
    Case({"type": "integer", "minimum": -32768, "maximum": 32767}, [-32768, 32767, 0], [-32769, 32768, 0.5]),
    # text
    Case({"minLength": 2}, ["ab", "👍👍", 1], ["", "a", "👍"]),
    Case({"maxLength": 2}, ["", "ab", "👍👍", []], ["abc", "👍👍👍"]),
    Case({"pattern": "^run_"}, ["run_1", 5], ["a run_1", "", "Run_1"]),
    Case({"pattern": "b"}, ["abc"], ["ac"]),
    Case({"pattern": "^\\d{4}-\\d{2}$"}, ["2026-01"], ["2026-1", "20260-01", "2026-01-01"]),
    Case({"pattern": "^(?!admin)[a-z]+$"}, ["user"], ["admin", "administrator", "User"]),
    Case({"pattern": "^\\S+@\\S+$"}, ["a@b"], ["a b@c", "ab"]),
    # lists
    Case({"items": {"type": "integer"}}, [[], [1, 2], {"0": "a"}], [["a"], [1, None]]),
    Case({"prefixItems": [{"type": "string"}, {"type": "integer"}]}, [[], ["a"], ["a", 1, None]], [[1], ["a", "b"]]),
    Case({"prefixItems": [{}], "items": False}, [[], [1]], [[1, 2]]),
    Case({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}, [["a", 1]], [["a", "b"], [1]]),
    Case({"minItems": 1}, [[1], "a"], [[]]),
    Case({"maxItems": 1}, [[], [1]], [[1, 2]]),
    Case({"uniqueItems": True}, [[], [1, 2], [1, True], [0, False], [[1], [2]]], [[1, 1.0], [{"a": 1}, {"a": 1}]]),
    Case({"contains": {"const": 1}}, [[1], [2, 1], {}], [[], [2]]),
    Case({"contains": {"const": 1}, "minContains": 2}, [[1, 1]], [[1], [2, 2]]),
    Case({"contains": {"const": 1}, "maxContains": 1}, [[1], [1, 2]], [[1, 1], []]),
    Case({"contains": {"const": 1}, "minContains": 0}, [[], [2], [1]], []),
    Case({"prefixItems": [{}], "unevaluatedItems": False}, [[], [1]], [[1, 2]]),
    # objects
    Case({"required": ["a", "b"]}, [{"a": None, "b": 1}, [], "x"], [{}, {"a": 1}]),
    Case({"properties": {"a": {"type": "string"}}}, [{}, {"a": "x"}, {"b": 1}, []], [{"a": 1}, {"a": None}]),
    Case({"properties": {"a": False}}, [{}, {"b": 1}], [{"a": 1}]),
    Case({"properties": {"__proto__": {"type": "number"}, "toString": {}}}, [{"__proto__": 1}], [{"__proto__": "x"}]),
    Case({"additionalProperties": False}, [{}, [1]], [{"a": 1}]),
    Case({"properties": {"a": {}}, "additionalProperties": False}, [{"a": 1}], [{"a": 1, "b": 2}]),
    Case({"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}, [{"a": "x", "b": 2}], [{"b": "x"}]),
    Case({"patternProperties": {"^n_": {"type": "number"}}}, [{"n_a": 1, "x": "y"}], [{"n_a": "1"}]),
    Case(
        {"patternProperties": {"^n_": {}}, "properties": {"id": {}}, "additionalProperties": False},
        [{"n_a": 1, "id": 2}, {}],
        [{"n": 1}, {"id": 1, "x": 1}],
    ),
    Case({"propertyNames": {"pattern": "^[a-z]+$"}}, [{}, {"abc": 1}], [{"A": 1}, {"abc": 1, "": 2}]),
    Case({"propertyNames": {"maxLength": 2}}, [{"ab": 1}], [{"abc": 1}]),
    Case({"minProperties": 1}, [{"a": 1}, []], [{}]),
    Case({"maxProperties": 1}, [{}, {"a": 1}], [{"a": 1, "b": 2}]),
    Case({"dependentRequired": {"card": ["cvc"]}}, [{}, {"card": 1, "cvc": 2}, {"cvc": 1}], [{"card": 1}]),
    Case({"dependentSchemas": {"a": {"required": ["b"]}}}, [{}, {"a": 1, "b": 2}, {"b": 1}], [{"a": 1}]),
    Case(
        {"allOf": [{"properties": {"a": {}}}], "properties": {"b": {}}, "unevaluatedProperties": False},
        [{}, {"a": 1, "b": 2}],
        [{"c": 1}, {"a": 1, "c": 1}],
    ),
    Case(
        {"anyOf": [{"properties": {"a": {}}, "required": ["a"]}, {"required": ["b"]}], "unevaluatedProperties": False},
        [{"a": 1}],
        [{"b": 1}, {"a": 1, "b": 1}, {}],
    ),
    Case(
        {"if": {"required": ["a"], "properties": {"a": {}}}, "then": True, "unevaluatedProperties": False},
        [{}, {"a": 1}],
        [{"b": 1}, {"a": 1, "b": 1}],
    ),
    Case(
        {"$ref": "#/$defs/p", "$defs": {"p": _POINT}, "unevaluatedProperties": False},
        [{"x": 1, "y": 2}],
        [{"x": 1, "y": 2, "z": 3}],
    ),
    # combinations
    Case({"allOf": [{"minimum": 1}, {"maximum": 3}]}, [1, 3, "a"], [0, 4]),
    Case({"anyOf": [{"type": "string"}, {"minimum": 5}]}, ["a", 5, None], [4]),
    Case({"oneOf": [{"multipleOf": 2}, {"multipleOf": 3}]}, [2, 3, 4], [6, 1, "a"]),
    Case({"not": {"type": "string"}}, [1, None], ["a"]),
    Case({"not": {}}, [], [1, None, {}]),
    Case({"not": {"not": {"type": "string"}}}, ["a"], [1]),
    Case({"if": {"const": 1}, "then": {"type": "integer"}, "else": {"type": "string"}}, [1, "a"], [2, None]),
    Case({"if": {"type": "integer"}, "then": {"minimum": 0}}, [1, "a", -0.5], [-1]),
    Case({"if": {"type": "integer"}, "else": {"minLength": 2}}, [1, "ab", None], ["a"]),
    Case({"then": {"type": "integer"}}, ["a", 1], []),
    Case(_PET, [{"kind": "cat", "lives": 9}, {"kind": "dog", "tricks": []}], [{}, {"kind": "cat"}, {"kind": "cow"}]),
    # references
    Case({"$ref": "#/$defs/p", "$defs": {"p": _POINT}}, [{"x": 1, "y": 2.5}], [{"x": 1}, {"x": 1, "y": "2"}, []]),
    Case({"$defs": {"n": {"minimum": 3}}, "$ref": "#/$defs/n", "maximum": 5}, [3, 5], [2, 6]),
    Case({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"type": "string"}}, "$ref": "#/$defs/a"}, ["x"], [1]),
    Case({"$defs": {"n": {"$anchor": "here", "type": "string"}}, "$ref": "#here"}, ["x"], [1]),
    Case({"$defs": {"a/b~c": {"type": "string"}}, "$ref": "#/$defs/a~1b~0c"}, ["x"], [1]),
    Case({"$defs": {"a b": {"type": "string"}}, "$ref": "#/$defs/a%20b"}, ["x"], [1]),
    Case({"$id": "https://shop.example/order", "$ref": "#/$defs/x", "$defs": {"x": {"type": "null"}}}, [None], [0]),
    Case(
        {"$id": "https://shop.example/", "$defs": {"x": {"$id": "item", "type": "null"}}, "$ref": "item"}, [None], [0]
    ),
    Case(
        _TREE,
        [{"name": "a"}, {"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]}],
        [{}, {"name": "a", "children": [{}]}, {"name": "a", "children": [{"name": "b", "x": 1}]}],
    ),
    Case({"$dynamicRef": "#node", "$defs": {"n": {"$dynamicAnchor": "node", "type": "string"}}}, ["x"], [1, None]),
    # what is only a note
    Case(
        {"title": "a", "description": "b", "default": 5, "examples": [1], "deprecated": True, "$comment": "c"}, [1], []
    ),
    Case({"contentMediaType": "application/json", "contentEncoding": "base64"}, ["not base64!", 1], []),
    Case({"x-internal": True, "unknown": 1}, [1, "a"], []),
    Case({"definitions": {"a": {"type": "string"}}, "$ref": "#/definitions/a"}, ["x"], [1]),
]

FORMATS = {
    "date-time": (["2026-11-23T10:20:30Z", "2026-11-23T10:20:30.5+02:00"], ["2026-11-23", "2026-13-01T00:00:00Z", ""]),
    "date": (["2026-02-28"], ["2026-02-30", "26-02-28", "2026-2-3"]),
    "time": (["10:20:30Z", "10:20:30.1+01:00"], ["25:00:00Z", "10:20"]),
    "duration": (["P1D", "PT5M", "P1Y2M3DT4H"], ["1d", "P", "PT"]),
    "email": (["ada@example.com"], ["ada", "@example.com", "ada@"]),
    "hostname": (["example.com", "a-b.c"], ["-a.com", "a..b", "a b"]),
    "ipv4": (["127.0.0.1"], ["256.0.0.1", "1.2.3", "::1"]),
    "ipv6": (["::1", "2001:db8::8a2e:370:7334"], ["12345::", "1.2.3.4"]),
    "uri": (["https://example.com/a?b#c", "urn:x:y"], ["/relative", "no scheme", "http://a b"]),
    "uri-reference": (["/a/b", "#x", "https://a"], ["\\a", "a b"]),
    "uuid": (["2eb8aa08-aa98-11ea-b4aa-73b441d16380"], ["2eb8aa08aa9811eab4aa73b441d16380", "x"]),
    "json-pointer": (["", "/a/0", "/a~1b"], ["a", "/a~"]),
    "regex": (["^a+$", "a(?=b)"], ["((", "[a"]),
}
"""By format: texts that are, and texts that are not."""
