"""What is said of a template, and where; and of which nothing is."""

from __future__ import annotations

import pytest

from kongflow.config.types.check import Target, check
from kongflow.config.types.from_schema import payload_type
from kongflow.config.types.problem import Problem
from kongflow.config.types.signatures import FILTERS, TESTS
from kongflow.config.types.type import literal, object_of
from kongflow.core import filters
from kongflow.core.schema import PayloadSchema
from kongflow.core.template import Template

PERSON = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "id",
        "n",
        "x",
        "flag",
        "plan",
        "tags",
        "sizes",
        "ref",
        "owner",
        "boss",
        "open",
        "free",
        "mixed",
        "pay",
        "tree",
        "unsaid",
    ],
    "properties": {
        "id": {"type": "string"},
        "n": {"type": "integer"},
        "x": {"type": "number"},
        "flag": {"type": "boolean"},
        "plan": {"enum": ["free", "pro", "team"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "sizes": {"type": "array", "items": {"type": ["integer", "null"]}},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
        "ref": {"type": ["string", "null"]},
        "note": {"type": "string"},
        "nick": {"type": ["string", "null"]},
        "zone": {"type": "string", "default": "eu"},
        "owner": PERSON,
        "boss": {"anyOf": [PERSON, {"type": "null"}]},
        "deputy": {**PERSON, "additionalProperties": False},
        "open": {},
        "free": {"type": "object"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "mixed": {"type": ["string", "integer"]},
        "limit": {"type": ["integer", "null"]},
        "vip": {"type": ["boolean", "null"]},
        "untyped": {"properties": {"a": {"type": "string"}}, "additionalProperties": False, "required": ["a"]},
        "unsaid": {"type": "string", "not": {"const": ""}},
        "pay": {
            "oneOf": [
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["kind", "number"],
                    "properties": {
                        "kind": {"const": "card"},
                        "number": {"type": "string"},
                        "valid": {"type": "string"},
                    },
                },
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["kind", "iban"],
                    "properties": {"kind": {"const": "bank"}, "iban": {"type": "string"}, "limit": {"type": "integer"}},
                },
            ]
        },
        "tree": {"$ref": "#/$defs/tree"},
    },
    "$defs": {
        "tree": {
            "type": "object",
            "required": ["value", "left"],
            "properties": {"value": {"type": "string"}, "left": {"$ref": "#/$defs/tree"}},
        }
    },
}
SCOPE = {"payload": payload_type(PayloadSchema.compile(SCHEMA)), "task": object_of({"name": literal("greet")})}


def problems(expression: str, target: Target = Target.JOB_KEY) -> tuple[Problem, ...]:
    """Check an expression: inside a text, or as a whole priority."""
    return check(Template.parse(f"a-<< {expression} >>"[2 * (target is Target.PRIORITY) :]), SCOPE, target)


WRONG = [
    # names and keys
    ("paylod.id", "template-unknown-name", "paylod"),
    ("id", "template-unknown-name", "id"),
    ("payload.idd", "template-unknown-key", "idd"),
    ("payload['idd']", "template-unknown-key", "'idd'"),
    ("payload.idd | default('x')", "template-unknown-key", "idd"),
    ("'a' if payload.idd is defined else 'b'", "template-unknown-key", "idd"),
    ("payload.deputy.nam | default('x')", "template-unknown-key", "nam"),
    ("payload.pay.valdi | default('x')", "template-unknown-key", "valdi"),
    ("payload.untyped.b | default('x')", "template-unknown-key", "b"),
    ("task.nam", "template-unknown-key", "nam"),
    ("{'a': 1}.b", "template-unknown-key", "b"),
    ("payload.owner.nam", "template-undeclared-key", "nam"),
    ("payload.tree.left.left.rihgt", "template-undeclared-key", "rihgt"),
    # presence
    ("payload.note", "template-maybe-missing", "note"),
    ("payload.note | upper", "template-maybe-missing", "note"),
    ("payload.note ~ 'x'", "template-maybe-missing", "note"),
    ("payload.note == 'x'", "template-maybe-missing", "note"),
    ("'a' if payload.note else 'b'", "template-maybe-missing", "note"),
    ("payload.note if payload.note else 'b'", "template-maybe-missing", "note"),
    ("'a' if not payload.note else 'b'", "template-maybe-missing", "note"),
    ("payload.deputy.name", "template-maybe-missing", "deputy"),
    ("payload.deputy.age | default(payload.note)", "template-maybe-missing", "note"),
    ("payload.owner.age", "template-maybe-missing", "age"),
    ("payload.labels.x | default('') ~ payload.tags[0] ~ payload.pair[0]", "template-maybe-missing", "pair"),
    ("payload.pay.number", "template-maybe-missing", "number"),
    ("payload.pay.valid if payload.pay.kind == 'card' else 'x'", "template-maybe-missing", "valid"),
    ("payload.note if payload.nick is defined else 'x'", "template-maybe-missing", "note"),
    ("'x' if payload.note is defined else payload.note", "template-maybe-missing", "note"),
    ("payload.note if payload.flag or payload.note is defined else 'x'", "template-maybe-missing", "note"),
    ("payload.note if payload.flag else 'x'", "template-maybe-missing", "note"),
    ("[payload.note] | length", "template-maybe-missing", "note"),
    ("{'a': payload.note} | length", "template-maybe-missing", "note"),
    ("payload.free[payload.note] | default('')", "template-maybe-missing", "note"),
    ("payload.note[:2]", "template-maybe-missing", "note"),
    # null
    ("payload.ref", "template-nullable", "ref"),
    ("payload.ref | upper", "template-nullable", "ref"),
    ("payload.ref ~ 'x'", "template-nullable", "ref"),
    ("payload.ref | default('x')", "template-nullable", "default"),
    ("payload.boss.name", "template-nullable", "boss"),
    ("payload.ref if payload.flag else 'x'", "template-nullable", "ref"),
    ("'x' if payload.flag else payload.ref", "template-nullable", "ref"),
    ("payload.ref if payload.ref is none else 'x'", "template-renders-object", "ref"),
    ("payload.ref[:3]", "template-nullable", "ref"),
    ("payload.ref < 'a'", "template-nullable", "ref"),
    ("payload.sizes[0]", "template-nullable", "0"),
    ("payload.sizes | sum", "template-nullable", "sum"),
    ("payload.sizes | join", "template-nullable", "join"),
    # operators
    ("payload.n + payload.id", "template-type", "payload.n + payload.id"),
    ("payload.id * 2", "template-type", "id"),
    ("-payload.id", "template-type", "id"),
    ("payload.flag + 1", "template-type", "flag"),
    ("payload.mixed - 1", "template-type", "mixed"),
    ("payload.mixed + 1", "template-type", "payload.mixed + 1"),
    ("payload.n < payload.id", "template-type", "payload.n < payload.id"),
    ("payload.owner < payload.id", "template-type", "owner"),
    ("'a' in payload.n", "template-type", "n"),
    ("payload.n in payload.id", "template-type", "n"),
    ("payload.id.x", "template-type", "x"),
    ("payload.n.x | default('')", "template-type", "x"),
    ("payload.tags.x", "template-type", "x"),
    ("payload.n[0]", "template-type", "0"),
    ("payload.owner[0]", "template-type", "0"),
    ("payload.n[:2]", "template-type", "n"),
    ("(0 | default(1, true))[:2]", "template-type", "default"),
    ("payload.id[:payload.id]", "template-type", "id"),
    ("payload.tags ~ 'x'", "template-type", "tags"),
    # printing
    ("payload.owner", "template-renders-object", "owner"),
    ("payload.tags", "template-renders-object", "tags"),
    ("payload", "template-renders-object", "payload"),
    ("payload.deputy | default('x', true)", "template-renders-object", "default"),
    ("payload.tags | default('x', true)", "template-renders-object", "default"),
    ("none", "template-renders-object", "none"),
    ("[1, 2]", "template-renders-object", "[1, 2]"),
    ("'x' if payload.flag else payload.tags", "template-renders-object", "tags"),
    ("payload.sizes[:1]", "template-renders-object", "payload.sizes[:1]"),
    # filters and tests
    ("payload.n | upper", "template-filter-args", "upper"),
    ("payload.id | round", "template-filter-args", "round"),
    ("payload.flag | int", "template-filter-args", "int"),
    ("payload.mixed | lower", "template-filter-args", "lower"),
    ("payload.n | length", "template-filter-args", "length"),
    ("payload.id | join", "template-filter-args", "join"),
    ("payload.tags | sum", "template-filter-args", "sum"),
    ("[payload.owner] | sort | length", "template-filter-args", "sort"),
    ("['a', 1] | sort | length", "template-filter-args", "sort"),
    ("payload.id | truncate(payload.x)", "template-filter-args", "x"),
    ("payload.id | truncate(length='5')", "template-filter-args", "'5'"),
    ("payload.id | replace('a', 5)", "template-filter-args", "5"),
    ("'%s' | format(payload.tags)", "template-filter-args", "tags"),
    ("payload.id is even", "template-filter-args", "even"),
    ("payload.n is divisibleby('2')", "template-filter-args", "'2'"),
    ("payload.n | upper | lower", "template-filter-args", "upper"),
    # conditions
    ("'a' if true else 'b'", "template-constant", "true"),
    ("'a' if 'x' else 'b'", "template-constant", "'x'"),
    ("'a' if payload.plan == 'por' else 'b'", "template-constant", "payload.plan == 'por'"),
    ("'a' if payload.plan != 'por' else 'b'", "template-constant", "payload.plan != 'por'"),
    ("'a' if payload.plan in ['a', 'b'] else 'b'", "template-constant", "payload.plan in ['a', 'b']"),
    ("'a' if payload.n == '1' else 'b'", "template-constant", "payload.n == '1'"),
    ("'a' if payload.id is defined else 'b'", "template-constant", "payload.id is defined"),
    ("'a' if payload.id is none else 'b'", "template-constant", "payload.id is none"),
    ("'a' if payload.n is string else 'b'", "template-constant", "payload.n is string"),
    ("'a' if payload.flag and payload.plan == 'x' else 'b'", "template-constant", "payload.plan == 'x'"),
    ("'a' if not (payload.flag or none) else 'b'", "template-constant", "none"),
    ("'a' if payload.tags else 'b'", "template-not-boolean", "tags"),
    ("'a' if payload.owner else 'b'", "template-not-boolean", "owner"),
]


@pytest.mark.parametrize(("expression", "slug", "marked"), WRONG, ids=lambda value: value)
def test_a_wrong_template_gives_one_finding_at_the_very_word(expression: str, slug: str, marked: str) -> None:
    (found,) = problems(expression)

    assert (found.slug, f"a-<< {expression} >>"[found.start : found.end]) == (slug, marked)


RIGHT = [
    "payload.id",
    "payload['id']",
    "payload.zone",
    "task.name",
    "payload.n ~ payload.x ~ payload.flag",
    "payload.owner.name",
    "payload.tree.left.left.left.value | upper",
    # what nothing is known of
    "payload.open",
    "payload.open.a.b[0] | upper",
    "payload.open + 1 < payload.open",
    "payload.free.a ~ payload.free.b.c",
    "payload.free[payload.id]",
    "payload.untyped.a | default('') ~ payload.unsaid",
    "payload.unsaid.anything",
    "payload.untyped | default('')",
    "payload[payload.id]",
    # defaults
    "payload.note | default('x')",
    "payload.note | default",
    "payload.note | default(fallback='x')",
    "payload.nick | default('x', true)",
    "payload.nick | default('x', empty_too=true)",
    "payload.ref | default('x', true) | upper",
    "payload.ref | default('x', payload.flag)",
    "payload.deputy.name | default('x')",
    "payload.deputy.age | default(0) + 1",
    "payload.boss.name | default('x')",
    "payload.labels.x | default('none')",
    "payload.pay.number | default('none')",
    "payload.note | default(payload.nick | default('x', true))",
    "(payload.deputy | default({'name': 'x'})).name",
    # narrowing
    "payload.note if payload.note is defined else 'x'",
    "'x' if payload.note is undefined else payload.note",
    "'x' if payload.note is not defined else payload.note",
    "'x' if not payload.note is defined else payload.note",
    "payload.ref if payload.ref is not none else 'x'",
    "payload.ref if payload.ref != none else 'x'",
    "'x' if payload.ref is none else payload.ref",
    "payload.ref if payload.ref else 'x'",
    "payload.ref or 'x'",
    "payload.ref if payload.ref is string else 'x'",
    "payload.nick if payload.nick is defined and payload.nick else 'x'",
    "payload.nick if payload.nick is defined and payload.nick is not none else 'x'",
    "'x' if payload.nick is undefined or payload.nick is none else payload.nick",
    "payload.boss.name if payload.boss else 'x'",
    "payload.boss.name if payload.boss is not none else 'x'",
    "payload.boss.age if payload.boss.age is defined else 'x'",
    "payload.boss.name if payload.boss.name is defined else 'x'",
    "payload.deputy.name if payload.deputy is defined else 'x'",
    "payload.deputy.name if payload.deputy.age is defined else 'x'",
    "payload.pay.number if payload.pay.kind == 'card' else payload.pay.iban",
    "payload.pay.iban if payload.pay.kind != 'card' else payload.pay.number",
    "payload.pay.number if 'card' == payload.pay.kind else 'x'",
    "payload.pay.number if payload.pay.kind in ['card'] else payload.pay.iban",
    "payload.pay.number if payload.pay.number is defined else payload.pay.iban",
    "payload.note if payload.note is defined and payload.flag else 'x'",
    "payload.flag and payload.note is defined and payload.note == 'x'",
    "payload.note is undefined or payload.note == 'x'",
    "payload.note if payload.note is defined and payload.note == 'a' or payload.note is defined else 'x'",
    "payload.mixed - 1 if payload.mixed is number else payload.mixed | upper",
    "payload.mixed - 1 if payload.mixed is integer else 'x'",
    "payload.mixed | upper if payload.mixed is string else payload.mixed + 1",
    "1 if payload.plan == 'free' else 2 if payload.plan == 'pro' else 3",
    "1 if payload.plan == 'free' else 2 if payload.plan == 'pro' else 3 if payload.plan == 'team' else 4",
    "1 if payload.plan in ['pro', 'team'] else 2",
    "1 if payload.plan not in ('pro', 'x') else 2",
    "'a' if payload.boss else 'b'",
    "'a' if payload.id else 'b'",
    "'a' if payload.n == 1.0 else 'b'",
    "'a' if payload.flag == true else 'b'",
    "'a' if payload.ref == none else 'b'",
    "'a' if payload.mixed == 1 else 'b'",
    "'a' if payload.x is integer else 'b'",
    "'a' if payload.tags | length > 0 else 'b'",
    # operators
    "payload.n + 1",
    "payload.n // 2 * 3 - 1 % 2 ** 3",
    "payload.x / 2",
    "-payload.n",
    "payload.id + 'x'",
    "(payload.tags + ['x']) | join",
    "payload.n < payload.x <= 5",
    "payload.id < 'x'",
    "'x' in payload.id",
    "'x' in payload.tags",
    "'x' in payload.free",
    "payload.plan not in payload.tags",
    "payload.tags[0] ~ payload.tags[-1] ~ payload.id[0] ~ payload.id[:3]",
    "payload.tags[payload.n] | upper",
    "(payload.pair | default(['a', 1]))[0]",
    "payload.owner == payload.boss",
    # filters and tests
    "payload.id | lower | capitalize | title | trim | trim('x') | center(5) | replace('a', 'b') | truncate(5, '-')",
    "payload.tags | first ~ payload.tags | sort | last ~ payload.tags | unique | join('-')",
    "payload.tags[:2] | join(separator=',')",
    "(payload.sizes | first) | default(0, true)",
    "[1, 2.5] | max ~ [1] | sum ~ ['a'] | min",
    "payload.x | round ~ payload.x | round(1) ~ payload.n | abs",
    "payload.id | int + 1",
    "payload.mixed | string | upper",
    "payload.mixed | int | abs",
    "'%s-%d' | format(payload.id, payload.n)",
    "payload | tojson | length",
    "payload.owner | length + payload.id | length",
    "payload.flag | string | urlencode",
    "{'a': payload.id}.a ~ [payload.id][0] ~ (payload.id, 1)[0]",
    "{'a': payload.id}['a'] | upper",
    "payload.n is even or payload.n is divisibleby 3 or payload.x is odd",
]


@pytest.mark.parametrize("expression", RIGHT)
def test_a_good_template_gives_none(expression: str) -> None:
    assert problems(expression) == ()


def test_several_problems_come_in_the_order_of_the_text() -> None:
    found = check(Template.parse("<< payload.note >>-<< payload.idd >>-<< payload.ref | round >>"), SCOPE, Target.QUEUE)

    assert [one.slug for one in found] == ["template-maybe-missing", "template-unknown-key", "template-filter-args"]


@pytest.mark.parametrize(
    ("expression", "help"),
    [
        ("payload.idd", "did you mean 'id'?"),
        ("payload.owner", "use << payload.owner.name >>"),
        ("payload.deputy.name", "use << payload.deputy.name | default('…') >>, or make it required in the schema"),
        ("payload.nick", "use << payload.nick | default('…', true) >>, or make it required in the schema"),
        ("payload.ref", "use << payload.ref | default('…', true) >>, or drop null from the schema"),
        ("'a' if payload.plan == 'por' else 'b'", "did you mean 'pro'?"),
        ("payload.limit", "use << payload.limit | default(0, true) >>, or make it required in the schema"),
        ("payload.vip", "use << payload.vip | default(false, true) >>, or make it required in the schema"),
        ("payload.sizes[0] ~ '!'", "use | default(0, true)"),
        (
            "secrets.webhook_key",
            "what a template makes is stored, and shown in lists and logs; a handler reads job.secrets['name']",
        ),
        ("secret", "what a template makes is stored, and shown in lists and logs; a handler reads job.secrets['name']"),
    ],
)
def test_the_help_is_what_to_write(expression: str, help: str) -> None:
    (found,) = problems(expression)
    assert found.help == help


def test_the_table_of_signatures_has_exactly_the_filters_and_tests_of_the_language() -> None:
    assert FILTERS.keys() == filters.FILTERS.keys()
    assert TESTS.keys() == filters.TESTS.keys()


def test_conditions_in_conditions_take_no_time() -> None:
    nested = "payload.flag"
    for _ in range(8):
        nested = f"(({nested}) and payload.n > 1) == true"
    problems(nested)
