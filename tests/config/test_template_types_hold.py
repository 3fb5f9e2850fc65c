"""What the checker lets pass renders, for whatever payload the schema lets pass; and no template makes it fail."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kongflow.config.types.check import Target, check
from kongflow.config.types.from_schema import payload_type
from kongflow.config.types.type import literal, object_of
from kongflow.core.expression import TemplateSyntaxProblem
from kongflow.core.json import Json
from kongflow.core.schema import PayloadSchema
from kongflow.core.template import Template
from kongflow.errors import InvalidPayload, TemplateError

KEYS = st.sampled_from(["a", "b", "c", "d"])
WORDS = st.sampled_from(["x", "y", "", "some words"])

# --- schemas, and payloads of them -----------------------------------------------------------------------------------

SCALARS = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer"},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "null"},
        {"enum": ["x", "y"]},
        {"const": "x"},
        {"enum": [1, "x", None]},
        {"type": ["string", "null"]},
        {"type": ["integer", "string"]},
        {"type": ["boolean", "null"]},
    ]
)


CLOSED = st.just(True)


def objects(inner: st.SearchStrategy, closed: st.SearchStrategy = CLOSED) -> st.SearchStrategy:
    """Objects are closed where they are alternatives: what an open one does not list may be anything."""
    return st.builds(
        lambda properties, required, closed: {
            "type": "object",
            "properties": properties,
            "required": [key for key in required if key in properties],
            **({"additionalProperties": False} if closed else {}),
        },
        st.dictionaries(KEYS, inner, min_size=1, max_size=4),
        st.lists(KEYS, unique=True, max_size=4),
        closed,
    )


def _composed(inner: st.SearchStrategy) -> st.SearchStrategy:
    lists = st.builds(lambda items: {"type": "array", "items": items}, inner)
    maps = st.builds(lambda values: {"type": "object", "additionalProperties": values}, inner)
    unions = st.builds(lambda branches: {"anyOf": branches}, st.lists(inner, min_size=2, max_size=3))
    defaults = st.sampled_from([{"type": "string", "default": "x"}, {"type": ["integer", "null"], "default": 1}])
    return objects(inner) | lists | maps | unions | defaults


INNER = st.recursive(SCALARS, _composed, max_leaves=6)
UNIONS = st.builds(lambda branches: {"oneOf": branches}, st.lists(objects(INNER), min_size=2, max_size=2))
MERGED = st.builds(lambda parts: {"allOf": parts}, st.lists(objects(INNER, st.just(False)), min_size=2, max_size=2))
SCHEMAS = objects(INNER, st.booleans()) | UNIONS | MERGED
PLAIN = {
    "string": WORDS,
    "integer": st.integers(-5, 5),
    "number": st.integers(-5, 5) | st.sampled_from([0.5, 2.0, -1.5]),
    "boolean": st.booleans(),
    "null": st.none(),
}


@st.composite
def values(draw: st.DrawFn, schema: dict) -> Json:
    """Draw a value of a schema, as far as the constructs above go; what it allows beside is left to the schema."""
    if "enum" in schema or "const" in schema:
        return draw(st.sampled_from(schema.get("enum", [schema.get("const")])))
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return draw(values(draw(st.sampled_from(schema[keyword]))))
    if "allOf" in schema:
        return {key: value for part in schema["allOf"] for key, value in draw(values(part)).items()}
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = draw(st.sampled_from(kinds))
    if kind == "array":
        return draw(st.lists(values(schema["items"]), max_size=3))
    if kind != "object":
        return draw(PLAIN[kind])
    properties = schema.get("properties", {})
    found = {
        key: draw(values(sub)) for key, sub in properties.items() if key in schema["required"] or draw(st.booleans())
    }
    if isinstance(schema.get("additionalProperties"), dict):
        found |= draw(st.dictionaries(KEYS, values(schema["additionalProperties"]), max_size=2))
    return found


# --- templates -------------------------------------------------------------------------------------------------------

PATHS = st.lists(KEYS, min_size=1, max_size=3).map(lambda keys: ".".join(["payload", *keys]))
LITERALS = st.sampled_from(["'x'", "'y'", "1", "0", "true", "none", "''", "[1, 'x']", "{'a': 1}", "1.5"])


def _grown(inner: st.SearchStrategy) -> st.SearchStrategy:
    conditions = st.one_of(
        inner,
        PATHS.map("{} is defined".format),
        PATHS.map("{} is not none".format),
        st.builds("{} is {}".format, PATHS, st.sampled_from(["undefined", "none", "string", "number", "mapping"])),
        st.builds("{} {} {}".format, PATHS, st.sampled_from(["==", "!="]), LITERALS),
        st.builds("{} in ['x', 1]".format, PATHS),
        inner.map("not ({})".format),
        st.builds("({}) {} ({})".format, inner, st.sampled_from(["and", "or"]), inner),
        PATHS.map("({0} is defined and {0})".format),
        PATHS.map("({0} is undefined or {0} is none)".format),
    )
    return st.one_of(
        st.builds("({}) | default({})".format, inner, inner),
        st.builds("({}) | default({}, true)".format, inner, inner),
        st.builds("({}) if ({}) else ({})".format, inner, conditions, inner),
        st.builds("({1}) if {0} is defined else ({2})".format, PATHS, inner, inner),
        PATHS.map("({0} if {0} is defined and {0} is not none else 'x')".format),
        conditions,
        st.builds("({}) {} ({})".format, inner, st.sampled_from(["~", "+", "-", "*", "<", ">=", "=="]), inner),
        st.builds("({}) | {}".format, inner, st.sampled_from(["upper", "length", "string", "tojson", "abs", "round"])),
        st.builds("({}) | {}".format, inner, st.sampled_from(["join", "sort", "unique", "sum", "trim", "urlencode"])),
        st.builds("({}) | replace({}, 'z')".format, inner, inner),
        st.builds("({})[:1]".format, inner),
        st.builds("({}).{}".format, inner, KEYS),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{'a': {}}}".format, inner),
    )


EXPRESSIONS = st.recursive(PATHS | LITERALS, _grown, max_leaves=5)


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_passes_renders(data: st.DataObject) -> None:
    schema = data.draw(SCHEMAS)
    compiled = PayloadSchema.compile(schema)
    scope = {"payload": payload_type(compiled), "task": object_of({"name": literal("greet")})}
    texts = [f"a<< {expression} >>" for expression in data.draw(st.lists(EXPRESSIONS, min_size=8, max_size=8))]
    passing = [template for template in map(Template.parse, texts) if not check(template, scope, Target.JOB_KEY)]

    for payload in data.draw(st.lists(values(schema), min_size=2, max_size=2)):
        try:
            scope = {"payload": compiled.check_added(payload), "task": {"name": "greet"}}
        except InvalidPayload:
            continue
        assert [failure(template, scope) for template in passing] == [None] * len(passing)


def failure(template: Template, scope: dict[str, Json]) -> str | None:
    """Render a template, and say why it cannot be. Lists are compared item by item, which no type tells of."""
    try:
        template.render_text(scope)
    except TemplateError as error:
        return None if "not supported between" in str(error) else str(error)
    return None


@pytest.mark.parametrize("target", Target)
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(schema=SCHEMAS, expression=EXPRESSIONS | st.text(alphabet="payload.abcd ()[]{}|~+-<=>'\",:01\n", max_size=30))
@example({"type": "object"}, "payload[payload]")
@example({"type": "object"}, "[][0]")
@example({"type": "object"}, "()|first")
@example({"type": "object"}, "{}.a")
@example({"type": "object"}, "{1: 2}")
@example({"type": "object"}, "1 < 2 in 3")
@example({"type": "object"}, "'a' % 1")
@example({"type": "object"}, "2 ** 'a'")
@example({"type": "object"}, "1 ** 1.5 ** none")
def test_every_template_can_be_checked(target: Target, schema: dict, expression: str) -> None:
    try:
        template = Template.parse(f"<< {expression} >>")
    except TemplateSyntaxProblem:
        return
    scope = {"payload": payload_type(PayloadSchema.compile(schema))}
    for found in check(template, scope, target):
        assert 0 <= found.start < found.end <= len(template.text)
