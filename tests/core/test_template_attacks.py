"""What a hostile payload or a careless template tries, and how it ends: refused, and with a word."""

from __future__ import annotations

import tracemalloc

import pytest

from kongflow.core.expression import MAX_TEXT, TemplateSyntaxProblem
from kongflow.core.jinja import MAX_VALUES
from kongflow.core.json import MAX_INTEGER
from kongflow.core.template import Template
from kongflow.errors import TemplateError

BIG = 200_000

SCOPE = {
    "payload": {
        "id": "x",
        "n": 7,
        "text": "a" * BIG,
        "list": list(range(BIG)),
        "mixed": [1, "a", None],
        "none": None,
        "deep": {"__class__": "only a key"},
    }
}

REFUSED = {
    "class hierarchy": ["''.__class__.__mro__[1].__subclasses__()", "().__class__.__bases__[0]"],
    "globals of a helper": ["cycler.__init__.__globals__.os.popen('id').read()", "cycler.__init__.__globals__"],
    "lipsum": ["lipsum.__globals__['os']", "lipsum(n=100000)"],
    "self": ["self.__init__.__globals__", "self", "self.x"],
    "attr filter": ["''|attr('__cl'~'ass__')"],
    "item access to attributes": ["''['__class__']", "payload['id']['__class__']"],
    "str.format": ["'{0.__class__.__mro__}'.format('')", "'{0.x}'.format_map({})"],
    "format taken as an attribute": ["('{0.__class__}'|attr('format'))(payload)"],
    "format kept in a name": ["'{0.__class__}'.format", "namespace(f='x'.format).f('')"],
    "frames and tracebacks": ["payload.gi_frame.f_back", "payload.__traceback__", "payload.f.__globals__"],
    "attributes in filters": [
        "[payload]|groupby('__globals__')",
        "[payload]|map(attribute='__class__')|list",
        "[payload]|sort(attribute='__class__')",
        "[payload]|sum(attribute='__class__')",
        "[payload]|join(attribute='__class__')",
    ],
    "methods of values": ["payload.clear()", "payload.list.append(1)", "payload.pop"],
    "huge powers": ["9**(9**9)", "(10**6)**(10**6)", "2**10000", "((9**9)**9)**9", "2**-10000", "(-8)**0.5"],
    "loops": ["range(99999)", "[x for x in payload.list]", "payload.list|list|list"],
    "huge texts": [
        "'a'*(3*10**9)",
        "3000000000*'a'",
        "'a'|center(3000000000)",
        "'%3000000000d'|format(1)",
        "'%.3000000000f'|format(1.0)",
        "'%*d'|format(3000000000, 1)",
        "'{:>3000000000}'.format('a')",
        "'%3000000000d' % 1",
        "[1]*3000000000",
        "payload.text ~ payload.text",
        "payload.text + payload.text",
        "payload.text|replace('a', payload.text)",
        "payload.list|join(payload.text)",
        "payload.list + payload.list",
        "payload.list|sort",
        "payload.list|unique|length",
        "payload.text|int",
        "('9'*60)|int|string|int * 9999999999",
    ],
    "nesting": [
        "(" * 2000 + "1" + ")" * 2000,
        "[" * 1000 + "]" * 1000,
        "not " * 1000 + "1",
        "-" * 4000 + "1",
        "1" + "+1" * 1900,
        "1" + "**1" * 1300,
        "payload" + ".a" * 1900,
        "payload" + "[0]" * 1300,
        "payload.id" + "|lower" * 600,
        "1 if 1 else " * 300 + "1",
    ],
    "statements": ["include '/etc/passwd'", "import os", "debug", "do x"],
    "not a number": ["1/0", "1//0", "1%0", "1e999", "1e308*10", "-1e999", f"{MAX_INTEGER} + 1", "'nan'|float"],
    "other kinds": [
        "1 + 'a'",
        "'a' + 1",
        "true + 1",
        "-'a'",
        "'a' - 'b'",
        "payload.mixed|sort",
        "payload.mixed|sum",
        "payload.mixed|join",
        "payload.none|upper",
        "[]|first",
        "''|last",
        "[]|max",
        "payload.id|int",
        "1 < 'a'",
        "payload.none < 1",
        "1 in 2",
        "{1: 2}",
        "payload[:1]",
        "[payload.id, 1] < [1, payload.id]",
        "{'a': 1}|length|upper",
        "{[]: 1}",
        "payload.id[{}]",
    ],
}


@pytest.mark.parametrize(
    ("attack", "source"), [(name, source) for name, sources in REFUSED.items() for source in sources]
)
def test_it_is_refused(attack: str, source: str) -> None:
    with pytest.raises((TemplateSyntaxProblem, TemplateError)) as caught:
        Template.parse(f"<< {source} >>").render_text(SCOPE)

    assert len(str(caught.value)) < 5_000


@pytest.mark.parametrize(
    "source",
    [
        "payload.quotes" + " | tojson" * 12,
        f"[{', '.join(['payload.t'] * 300)}] | tojson",
        " ~ ".join(["payload.t"] * 300),
        f"'{'%s' * 200}' | format({', '.join(['payload.t'] * 200)})",
    ],
)
def test_a_text_that_grows_is_refused_before_it_fills_the_memory(source: str) -> None:
    template = Template.parse(f"<< {source} >>")
    scope = {"payload": {"quotes": '"' * 100_000, "t": "a" * BIG}}
    template.render({"payload": {"quotes": "", "t": ""}})  # Jinja compiles it, in memory that is not the point here
    tracemalloc.start()
    try:
        with pytest.raises(TemplateError, match=f"longer than {MAX_TEXT:,} characters"):
            template.render(scope)
        assert tracemalloc.get_traced_memory()[1] < 20 * MAX_TEXT
    finally:
        tracemalloc.stop()


def test_a_value_of_more_items_than_a_payload_may_hold_is_refused() -> None:
    template = Template.parse(f"<< [{', '.join(['payload.list'] * 250)}] >>")
    with pytest.raises(TemplateError, match=f"more than {MAX_VALUES:,} values"):
        template.render(SCOPE)


def test_a_whole_list_of_a_payload_is_no_attack() -> None:
    largest = {"payload": {"list": [1] * (MAX_VALUES - 1)}}
    assert Template.parse("<< (payload.list) >>").render(largest) == largest["payload"]["list"]


@pytest.mark.parametrize("tag", ["include '/etc/passwd'", "import 'x' as y", "debug", "set x = 1", "for x in y", "raw"])
def test_statements_are_refused(tag: str) -> None:
    with pytest.raises(TemplateSyntaxProblem, match="statements are not allowed"):
        Template.parse(f"a <% {tag} %>")


def test_a_payload_is_data_and_never_a_template() -> None:
    scope = {"payload": {"id": "<< 1 + 1 >>", "name": "{{ 7 * 7 }}", "html": "<script>", "mail": "a\r\nBcc: x@y"}}
    rendered = Template.parse("<< payload.id >>|<< payload.name ~ payload.html >>|<< payload.mail >>").render(scope)
    assert rendered == "<< 1 + 1 >>|{{ 7 * 7 }}<script>|a\r\nBcc: x@y"


def test_a_key_that_looks_like_an_attribute_is_only_a_key() -> None:
    assert Template.parse("<< payload.deep.__class__ >>").render(SCOPE) == "only a key"
    assert Template.parse("<< payload.deep['__class__'] ~ '' >>").render(SCOPE) == "only a key"


def test_a_template_prints_no_more_than_its_limit() -> None:
    template = Template.parse("<< payload.text >><< payload.text >>")
    with pytest.raises(TemplateError, match=f"more than {MAX_TEXT:,} characters"):
        template.render(SCOPE)


def test_a_template_leaves_the_payload_as_it_is() -> None:
    payload = {"list": [3, 1, 2]}
    Template.parse("<< payload.list | sort >>").render({"payload": payload})
    Template.parse("<< payload.list + [1] >>").render({"payload": payload})
    assert payload == {"list": [3, 1, 2]}
