"""The catalogue in Markdown, as a reader of Markdown sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from kongflow.core.catalog import Secret
from kongflow.core.cron import Cron
from kongflow.core.duration import format_duration
from kongflow.core.payload_template import PayloadTemplate
from kongflow.core.queue import Queue, QueueRules, RateLimit
from kongflow.core.retry import RetryPolicy
from kongflow.core.schedule import Catchup, CatchupPolicy, Overlap, Schedule
from kongflow.core.schema import PayloadSchema
from kongflow.core.task import Tombstone
from kongflow.core.template import Template
from kongflow.generate.markdown import MARK, markdown
from kongflow.generate.markdown_text import plain
from kongflow.generate.schema_rows import rows_of, summary_of
from tests.generate.modules import catalog_of

TEXT = {"type": "string"}
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def tokens(page: str) -> list[Token]:
    return [inner for token in READER.parse(page) for inner in (token, *(token.children or ()))]


def tables(page: str) -> list[list[list[str]]]:
    """Return the cells of each table, as their source."""
    found: list[list[list[str]]] = []
    for token in READER.parse(page):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and token.level > 2:
            found[-1][-1].append(token.content)
    return found


def seen(page: str) -> str:
    """Return the text that a reader sees."""
    return " ".join(token.content for token in tokens(page) if token.type in ("text", "code_inline", "fence"))


# --- what it says ----------------------------------------------------------------------------------------------------


def test_a_task_is_told_with_its_payload_its_examples_and_its_retries() -> None:
    task: dict[str, Any] = {
        "description": "Greets.",
        "owner": "platform",
        "payload": {
            "type": "object",
            "description": "Whom to greet.",
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "minLength": 1, "description": "As they write it."},
                "salutation": {"type": "string", "default": "Hello"},
            },
        },
        "examples": ({"name": "Ada"},),
        "queue": Template.parse("greetings:<< payload.name >>"),
        "priority": Template.parse("<< 3 >>"),
        "timeout": 30.0,
    }

    page = markdown(catalog_of({"greet": task}, name="shop", description="A shop."))

    assert page.startswith(f"{MARK}\n\n# shop\n\nA shop.\n\n## Tasks\n\n")
    told = page.partition("### `greet`\n\n")[2]
    assert told.startswith("Greets.\n\n| | |\n| --- | --- |\n| handler | `tasks.anything` |\n| owner | platform |\n")
    assert "| queue | `greetings:<< payload.name >>` |\n| priority | `<< 3 >>` |\n" in told
    assert "| attempts | 25, retried after 2.72s, 7.39s, 20.09s … 6h7m7s; 3d23h" in told
    assert "| time limit | 30s |" in told
    assert "**Payload**: object. Whom to greet.\n\n| key | type | required | default | what it is |\n" in told
    assert "| `name` | text, at least 1 character | yes | | As they write it. |\n" in told
    assert '| `salutation` | text | | `"Hello"` | |\n' in told
    assert 'Example:\n\n```json\n{\n  "name": "Ada"\n}\n```' in told
    assert told.rstrip().endswith("**Result**: any JSON")


def test_queues_schedules_secrets_and_what_is_gone_are_told() -> None:
    queues = QueueRules({"a:*": Queue("a:*", None, 3, RateLimit(5, 60.0), 120.0, "Many.")})
    cron = Cron.parse("30 6 * * *", ZoneInfo("Europe/Berlin"))
    schedule = Schedule(
        name="daily",
        timing=cron,
        task="t",
        payload=PayloadTemplate.parse({"day": "<< schedule.slot >>"}),
        timezone="Europe/Berlin",
        overlap=Overlap.SKIP,
        grace=60.0,
        catchup=Catchup(CatchupPolicy.LATEST, 3600.0),
        description="",
    )
    secrets = {
        "token": Secret("token", "TOKEN", "open-sesame"),
        "key": Secret("key", file=Path("/nowhere/key.txt")),
        "own": Secret("own", file=Path("own.txt")),
    }
    gone = {"old": Tombstone("old", "t"), "lost": Tombstone("lost", None)}

    page = markdown(
        catalog_of({"t": {}}, queues=queues, schedules={"daily": schedule}, secrets=secrets, tombstones=gone)
    )

    assert "| `a:*` | unlimited | 3 | 5 in 1m | 2m | Many. |" in page
    assert '`{"day": "<< schedule.slot >>"}`' in page
    assert "latest of the last 1h" in page
    assert cron.words in page
    assert "| `token` | the variable `TOKEN`, which has a default |" in page
    assert "| `key` | a file |" in page
    assert "| `own` | the file `own.txt` |" in page
    assert "open-sesame" not in page
    assert "| `old` | jobs of `t` |\n| `lost` | cancelled |" in page


def test_the_ladder_of_a_policy_has_every_delay() -> None:
    policy = RetryPolicy(max_attempts=4, initial_delay=2.0, factor=2.0, give_up_on=("a_b.C",), max_duration=3600.0)

    page = markdown(catalog_of({}, retry_policies={"patient": policy}))

    (rows,) = tables(page)
    assert [row[2] for row in rows[1:]] == [format_duration(each) for each in (2, 4, 8)]
    assert "These errors fail the job at once: a_b.C." in page
    assert "No retry starts later than 1h after the job was first ready." in page


def test_what_nobody_declares_has_no_section() -> None:
    assert markdown(catalog_of({})) == f"{MARK}\n\n# kongflow\n"


def test_the_page_is_the_same_each_time() -> None:
    tasks = {"t": {"payload": {"type": "object", "properties": {"a": TEXT, "b": {"enum": ["x", "y"]}}}}}

    assert markdown(catalog_of(tasks)) == markdown(catalog_of(tasks))


# --- schemas ---------------------------------------------------------------------------------------------------------


def rows(schema: Any) -> list[tuple[str, ...]]:
    found = rows_of(PayloadSchema.compile(schema))
    return [(row.path, row.type, row.required) for row in found]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({}, "any JSON"),
        ({"type": "array", "items": TEXT, "uniqueItems": True}, "list of text, no two alike"),
        ({"type": ["string", "null"], "maxLength": 3}, "text or null, at most 3 characters"),
        ({"type": "integer", "minimum": 0, "maximum": 9}, "integer, 0 to 9"),
        ({"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.5}, "number, more than 0, a multiple of 0.5"),
        ({"type": "string", "format": "email"}, "text, format `email`"),
        ({"enum": ["a", 1, None]}, '`"a"` or `1` or `null`'),
        ({"anyOf": [TEXT, {"type": "array", "items": {}}]}, "text or list of any JSON"),
        ({"oneOf": [{"const": "a"}, {"const": "b"}]}, '`"a"` or `"b"`'),
        (False, "nothing"),
    ],
    ids=str,
)
def test_a_type_is_told_in_words(schema: Any, words: str) -> None:
    assert summary_of(PayloadSchema.compile(schema)) == words


def test_what_lies_below_a_key_has_rows_of_its_own() -> None:
    schema = {
        "type": "object",
        "required": ["user"],
        "properties": {
            "user": {"$ref": "#/$defs/user"},
            "lines": {"type": "array", "items": {"type": "object", "properties": {"sku-1": TEXT, "a b": TEXT}}},
            "pair": {"type": "array", "prefixItems": [{"type": "object", "properties": {"x": TEXT}}]},
            "labels": {"type": "object", "additionalProperties": {"type": "integer"}},
            "never": False,
        },
        "$defs": {"user": {"type": "object", "required": ["id"], "properties": {"id": TEXT}}},
    }

    assert rows(schema) == [
        ("`user`", "object", "yes"),
        ("`user.id`", "text", "yes"),
        ("`lines`", "list of object", ""),
        ("`lines[].sku-1`", "text", ""),
        ('`lines[]."a b"`', "text", ""),
        ("`pair`", "list", ""),
        ("`pair[0].x`", "text", ""),
        ("`labels`", "object", ""),
        ("`labels[…]`", "integer", ""),
    ]


def test_keys_of_alternatives_say_of_which_they_are() -> None:
    schema = {"oneOf": [{"type": "object", "required": [key], "properties": {key: TEXT}} for key in "ab"]}

    assert rows(schema) == [("`a`", "text", "choice 1"), ("`b`", "text", "choice 2")]


def test_a_schema_that_leads_back_to_itself_ends() -> None:
    schema = {"type": "object", "properties": {"name": TEXT, "parts": {"type": "array", "items": {"$ref": "#"}}}}

    assert rows(schema)[:2] == [("`name`", "text", ""), ("`parts`", "list of object", "")]
    assert len(rows(schema)) < 30


def test_what_a_table_cannot_show_is_named() -> None:
    inner = {"type": "object", "not": {"required": ["x"]}, "if": {}}

    page = markdown(catalog_of({"t": {"payload": {"type": "object", "properties": {"a": inner}}}}))

    assert "The schema says more than this table shows: `if`, `not`." in page


# --- texts of users --------------------------------------------------------------------------------------------------

NASTY = [
    "a | b",
    "a \\| b \\",
    "<script>alert(1)</script> &lt;b&gt;",
    "<!-- x --> <img src=x onerror=y>",
    "# heading",
    "- list",
    "1. list",
    "> quote",
    "---",
    "===",
    "*a* **b** _c_ __d__ ~~e~~",
    "[link](javascript:x) ![image](x) [ref] [ref]: x",
    "`a | b` and ``c`d``",
    "one ` alone, `a``",
    "two\n\n# lines\n| a | b |\n|---|---|",
    "```\nfence",
    "\u202e\u2028\x7f\x85",
    "snake_case_name and _this_",
    "    indented",
    "$x$ {{ y }}",
]


def test_backquotes_that_no_equal_run_closes_are_text() -> None:
    shown = tokens(plain("```a`` and `b`"))

    assert [token.content for token in shown if token.type == "code_inline"] == ["b"]


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_whatever_a_text_of_a_user_holds_it_stays_text_in_its_place(text: str) -> None:
    schema = {
        "type": "object",
        "description": text,
        "properties": {
            text: {"description": text, "default": text, "enum": [text], "type": "string"},
            "p": {"type": "string", "pattern": text if text in ("a | b", "<!-- x --> <img src=x onerror=y>") else "x"},
        },
    }
    task = {
        "payload": schema,
        "result": schema,
        "description": text,
        "owner": text,
        "tags": (text,),
        "examples": (text,),
    }
    page = markdown(
        catalog_of({"t": task}, name=text, description=text, queues=QueueRules({"q": Queue("q", description=text)}))
    )

    found = tokens(page)
    kinds = {token.type for token in found}
    assert not {"link_open", "image", "em_open", "hr", "blockquote_open", "bullet_list_open", "s_open"} & kinds
    assert "ordered_list_open" not in kinds
    html = {token.content.strip() for token in found if token.type in ("html_inline", "html_block")}
    assert html <= {MARK, "<code>", "</code>"}
    assert len([token for token in found if token.type == "heading_open"]) == 4
    assert [len({len(row) for row in rows}) for rows in tables(page)] == [1] * 5
    words = "".join(character for character in text if character.isalnum())
    assert sum(words in "".join(filter(str.isalnum, token.content)) for token in found if token.content) >= 8
    assert all(character.isprintable() for character in page.replace("\n", ""))
