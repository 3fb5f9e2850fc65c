"""What is wrong with a schema, and that nothing outside the project is ever touched to find out."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.schema import PayloadSchema, schema_problems
from kongflow.errors import InvalidConfig, InvalidPayload

LIMIT = 60.0
"""Seconds after which one hostile schema or payload hangs; unhindered, one takes hundredths, and a hang hours."""


def found(schema: Any, **more: Any) -> list[tuple[tuple[str | int, ...], str]]:
    return [(problem.path, problem.message) for problem in schema_problems(schema, **more)]


@pytest.mark.parametrize(
    "schema",
    [
        {},
        True,
        {"$schema": "https://json-schema.org/draft/2020-12/schema"},
        {"properties": {"$schema": {"type": "string"}, "$ref": {"type": "string"}, "$id": {"type": "integer"}}},
        {"enum": [{"$ref": "http://127.0.0.1:1/"}], "default": {"$ref": 5}, "const": {"type": "strng"}},
        {"$ref": "https://json-schema.org/draft/2020-12/schema"},
        {"items": {"$ref": "#"}},
        {"$defs": {"a": {"properties": {"b": {"$ref": "#/$defs/a"}}}}, "$ref": "#/$defs/a"},
        {"x-note": 1, "format": "account-number"},
        {"definitions": {"a": {"$id": "x"}}, "items": {"contentSchema": {"$id": "y#", "$ref": "x"}}},
    ],
)
def test_a_good_schema_has_no_problems(schema: Any) -> None:
    assert found(schema) == []


@pytest.mark.parametrize(
    ("schema", "path", "words"),
    [
        ({"type": "strng"}, ("type",), "got \"strng\"; did you mean 'string'?"),
        ({"properties": {"id": {"type": 5}}}, ("properties", "id", "type"), "got 5"),
        ({"properties": {"id": "string"}}, ("properties", "id"), "expected true or false or an object"),
        ({"required": "id"}, ("required",), "expected a list"),
        ({"minLength": -1}, ("minLength",), "expected at least 0"),
        ({"items": [{}]}, ("items",), "got a list"),
        ({"pattern": "(("}, ("pattern",), "format regex"),
        ({"pattern": "^(?P<x>a)\\Z"}, ("pattern",), "format regex"),
        ({"patternProperties": {"((": {}}}, ("patternProperties",), 'the key "(("'),
        ({"allOf": [{}, {"enum": 1}]}, ("allOf", 1, "enum"), "expected a list"),
        ({"$ref": 5}, ("$ref",), "expected text"),
        (5, (), "expected true or false or an object, got 5"),
        (None, (), "got null"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, ("$schema",), "draft 2020-12"),
        ({"$defs": {"a": {"$schema": "http://127.0.0.1:1/x"}}}, ("$defs", "a", "$schema"), "draft 2020-12"),
        ({"properties": {"a": {"$ref": "#/$defs/x"}}}, ("properties", "a", "$ref"), "leads nowhere"),
        ({"$ref": "#typo"}, ("$ref",), "leads nowhere"),
        ({"$ref": "other.json"}, ("$ref",), "the project has no such schema"),
        ({"$ref": "#"}, ("$ref",), "leads back to itself"),
        ({"$dynamicRef": "#nope"}, ("$dynamicRef",), "leads nowhere"),
        ({"pattern": "^(.{0,1000}){0,1000}$"}, ("pattern",), "too large"),
        ({"items": {"pattern": "\\p{Wrong}"}}, ("items", "pattern"), "cannot be read"),
        ({"patternProperties": {"\\p{Wrong}": {}}}, ("patternProperties", "\\p{Wrong}"), "cannot be read"),
        ({"pattern": "("}, ("pattern",), "format regex"),
    ],
)
def test_a_problem_has_its_place_in_the_schema(schema: Any, path: tuple[str | int, ...], words: str) -> None:
    (problem,) = found(schema)
    assert (problem[0], words in problem[1]) == (path, True), problem


def test_every_problem_is_found_at_once_and_each_once() -> None:
    schema = {"properties": {"a": {"type": "strng", "minimum": "x"}, "b": {"$schema": "x"}}, "required": 5}
    assert [path for path, _ in found(schema)] == [
        ("properties", "a", "type"),
        ("properties", "a", "minimum"),
        ("properties", "b", "$schema"),
        ("required",),
    ]


# --- references ------------------------------------------------------------------------------------------------------


def test_references_lead_to_other_schemas_of_the_project() -> None:
    resources = {
        "common/ids.json": {"$defs": {"run": {"$ref": "text.json"}}},
        "common/text.json": {"type": "string", "default": "x"},
    }
    schema = {"properties": {"id": {"$ref": "../common/ids.json#/$defs/run"}}}

    compiled = PayloadSchema.compile(schema, resources, uri="schemas/startRun.json")

    assert compiled.check_added({}) == {"id": "x"}
    with pytest.raises(InvalidPayload, match=r"\$\.id: expected text"):
        compiled.check_added({"id": 5})


def test_a_reference_by_identity_leads_to_a_schema_of_the_project() -> None:
    resources = {"schemas/id.json": {"$id": "https://shop.example/id", "type": "string"}}
    compiled = PayloadSchema.compile({"$ref": "https://shop.example/id"}, resources, uri="schemas/a.json")
    with pytest.raises(InvalidPayload):
        compiled.check_added(5)


def test_a_place_that_another_schema_does_not_have_is_a_problem() -> None:
    resources = {"common.json": {"$defs": {}}}
    ((path, message),) = found({"$ref": "common.json#/$defs/x"}, resources=resources)
    assert (path, "leads nowhere" in message) == (("$ref",), True)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"$defs": {"a": {"anyOf": [{"not": {"$ref": "#/$defs/a"}}]}}},
        {"$defs": {"a": {"if": {"$ref": "#b"}}, "b": {"$anchor": "b", "then": {"$ref": "#/$defs/a"}}}},
    ],
)
def test_a_reference_that_comes_back_to_itself_is_a_problem_and_no_crash(schema: Any) -> None:
    assert any("leads back to itself" in message for _, message in found(schema))


# --- nothing is fetched ----------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Remember(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Remember) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef", "$schema"])
def test_a_remote_schema_is_reported_and_never_fetched(server: tuple[str, list[str]], keyword: str) -> None:
    url, asked = server
    for schema in ({keyword: f"{url}/x"}, {"properties": {"a": {keyword: f"{url}/y"}}}):
        assert found(schema)
        with pytest.raises(InvalidConfig):
            PayloadSchema.compile(schema)
    assert found({"$ref": "a.json"}, resources={"a.json": {"$ref": f"{url}/z"}})
    assert found({"$ref": "a.json"}, resources={"a.json": {"$schema": f"{url}/z"}})
    assert asked == []


def test_an_identity_is_a_name_and_never_fetched(server: tuple[str, list[str]]) -> None:
    url, asked = server
    compiled = PayloadSchema.compile({"$id": f"{url}/order", "$defs": {"x": {"type": "null"}}, "$ref": "#/$defs/x"})
    assert compiled.check_added(None) is None
    assert asked == []


def test_a_file_is_never_read(tmp_path: Path) -> None:
    file = tmp_path / "secret.json"
    file.write_text('{"type": "null"}')
    ((_, message),) = found({"$ref": file.as_uri()})
    assert "schemas are never fetched" in message


# --- hostile schemas and payloads ------------------------------------------------------------------------------------


def timed(check: Any, value: Any) -> str:
    started = time.perf_counter()
    with pytest.raises(InvalidPayload) as caught:
        check(value)
    assert time.perf_counter() - started < LIMIT
    return str(caught.value)


@pytest.mark.parametrize(
    "pattern", ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^(.*a){20}$", "^(?=(a+)+$)(a|aa)+\\1$", "^((a+)+)\\1b$"]
)
def test_a_pattern_cannot_hang_the_check_or_the_explanation(pattern: str) -> None:
    schema = PayloadSchema.compile({"properties": {"t": {"pattern": pattern}}})
    for check in (schema.check_added, schema.check_run):
        assert timed(check, {"t": "a" * 30 + "!"})
        assert timed(check, {"t": "a" * 5_000 + "!"})


def test_a_pattern_that_takes_too_long_refuses_and_says_so() -> None:
    schema = PayloadSchema.compile({"properties": {"t": {"pattern": "^(?=(a|a)*b)(a|aa)+\\1$"}}})
    assert "takes the schema's pattern too long" in timed(schema.check_added, {"t": "a" * 60})


def test_a_large_wrong_payload_is_explained_quickly() -> None:
    schema = PayloadSchema.compile({"properties": {"rows": {"items": {"type": "string"}}}})
    assert "$.rows[0]" in timed(schema.check_added, {"rows": list(range(20_000))})


@pytest.mark.parametrize("width", [2, 3])
def test_nested_choices_do_not_explode(width: int) -> None:
    schema: Any = {"type": "string"}
    for _ in range(6):
        schema = {"anyOf": [schema] * width}
    assert timed(PayloadSchema.compile(schema).check_added, 5)


def test_a_schema_of_any_depth_gets_an_answer() -> None:
    schema: Any = {"type": "string"}
    for _ in range(100_000):
        schema = {"properties": {"a": schema}}
    ((_, message),) = found(schema)
    assert message.startswith("the schema is nested deeper than 64 levels")


@pytest.mark.parametrize("schema", [{1: 2}, {"x": {1, 2}}, {"const": float("nan")}, {"a\ud800": 1}, {"const": 2**70}])
def test_what_is_not_json_is_no_schema(schema: Any) -> None:
    ((_, message),) = found(schema)
    assert message.startswith("the schema cannot be stored")


def test_dynamic_references_that_come_back_do_not_crash_the_check() -> None:
    schema = PayloadSchema.compile({"$dynamicAnchor": "x", "$dynamicRef": "#x", "type": "object"})
    assert schema.check_added({}) == {}
    assert timed(schema.check_added, 5)


@pytest.mark.parametrize("value", [{}, "a", None])
def test_an_empty_enum_is_told_as_what_it_is(value: Any) -> None:
    with pytest.raises(InvalidPayload, match=r"\$: is not allowed here: the schema's `enum` is empty"):
        PayloadSchema.compile({"enum": []}).check_added(value)
