"""What a handler's annotation says otherwise than the schema; and what only running it could tell is let pass."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kongflow.config.conversion import conversion
from kongflow.errors import InvalidPayload
from tests.config.golden import importer
from tests.config.projects import load_project

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "size", "maybe", "lines", "owner"],
    "properties": {
        "id": {"type": "string"},
        "size": {"type": "integer"},
        "price": {"type": "number"},
        "maybe": {"type": ["string", "null"]},
        "zone": {"type": "string", "default": "eu"},
        "lines": {"type": "array", "items": {"type": "object", "required": ["sku"], "properties": {"sku": {}}}},
        "owner": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
    },
}
HEAD = """\
from __future__ import annotations
import dataclasses, datetime as dt, typing, enum
from dataclasses import dataclass, field, KW_ONLY, InitVar
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, NewType, NotRequired, Optional, Required, TypedDict
from pydantic import BaseModel
from elsewhere import Strange, decorate

"""

CLOSED = "'other' of P is not in the schema, which is closed"
FAILS = "has no default, and the schema does not require it: a job without it fails"
TEXT, DICT = (f", which nothing is made into: {what} comes" for what in ("text", "a dict"))


def said(folder: Path, code: str, schema: Any = SCHEMA, **options) -> list[str]:
    """Return what is said of `def work(payload: P)` after this code."""
    payload = "" if schema is None else f", payload: {json.dumps(schema)}"
    files = {"tasks.py": f"{HEAD}{code}\ndef work(payload: P): ...\n", "more.py": HEAD}
    loaded = load_project(folder, f"version: 1\ntasks: {{work: {{handler: tasks.work{payload}}}}}", files, **options)
    assert {found.slug for found in loaded.findings} <= {"handler-payload-type"}
    return [found.message for found in loaded.findings]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("@dataclass\nclass P:\n  id: int", "'id' of P is annotated int, and text comes"),
        (
            "@dataclasses.dataclass(frozen=True)\nclass P:\n  size: str",
            "'size' of P is annotated str, and an integer comes",
        ),
        ("class P(TypedDict):\n  id: dt.datetime", f"'id' of P is annotated dt.datetime{TEXT}"),
        ("class P(typing.TypedDict):\n  maybe: date | None", f"'maybe' of P is annotated date | None{TEXT}"),
        ("class P(TypedDict):\n  other: str", f"{CLOSED}: every job fails"),
        (
            "class P(TypedDict, total=False):\n  other: str",
            "'other' of P is not in the schema, which is closed: it is never given",
        ),
        ("class P(TypedDict):\n  price: float", f"'price' of P {FAILS}"),
        ("class P(TypedDict, total=False):\n  price: Required[float]", f"'price' of P {FAILS}"),
        ("@dataclass\nclass P:\n  price: float = field(repr=False)", f"'price' of P {FAILS}"),
        (
            "@dataclass\nclass L:\n  sku: str\n  n: int\n@dataclass\nclass P:\n  lines: list[L]",
            f"'n' of L {FAILS}".replace("require", "declare"),
        ),
        (
            "class O(BaseModel):\n  name: str\nclass P(TypedDict):\n  owner: Optional[O]",
            f"'owner' of P is annotated Optional[O]{DICT}",
        ),
        ("class A(TypedDict):\n  id: int\nclass P(A):\n  size: int", "'id' of P is annotated int, and text comes"),
        ("class P(TypedDict):\n  id: 'Annotated[bool, 1]'", "'id' of P is annotated bool, and text comes"),
        ("class A(BaseModel): ...\nclass P(A): ...", f"the payload is annotated A{DICT}"),
        ("class P(NamedTuple):\n  id: str", f"the payload is annotated P{DICT}"),
        ("class P:\n  id: str", f"the payload is annotated P{DICT}"),
        ("P = str | None", "the payload is annotated str | None, and a dict comes"),
        ("P = set[str]", f"the payload is annotated set[str]{DICT}"),
    ],
)
def test_what_the_annotation_says_otherwise_is_told(tmp_path, code, message):
    assert said(tmp_path, code) == [message]


@pytest.mark.parametrize(
    "code",
    [
        "P = dict",
        "P = typing.Mapping[str, Any] | None",
        "P = Any",
        "P = object",
        "P = Strange",
        "P = NewType('P', dict)",
        "class P(Strange):\n  other: str",
        "@decorate\nclass P:\n  other: str",
        "@dataclass\n@decorate\nclass P:\n  other: str",
        "@dataclass(init=False)\nclass P:\n  other: str",
        "@dataclass\nclass P:\n  other: InitVar[str]",
        "@dataclass\nclass P:\n  id: int\n  def __init__(self, id): ...",
        "@dataclass\nclass P:\n  id: date\n  def __post_init__(self): ...",
        "@dataclass\nclass P(Strange):\n  other: str",
        "class P(enum.Enum):\n  A = 1",
        "class P(TypedDict):\n  id: Strange\n  size: int | Strange",
        "class P(TypedDict):\n  id: str\n  size: float\n  price: NotRequired[int]\n  zone: Literal['eu']\n  maybe: str",
        "@dataclass\nclass P:\n  id: str\n  price: float = 1.5\n  other_: ClassVar[int] = 1\n",
        "@dataclass\nclass P:\n  owner: P | None = None",
        "@dataclass\nclass P:\n  other: str = field(init=False)",
        "@dataclass\nclass P:\n  other: str = field(**Strange)",
        "@dataclass\nclass P:\n  id: str = field(default=None)",
        "@dataclass\nclass P:\n  lines: tuple[dict, ...]\n  owner: dict = field(default_factory=dict)",
        "class P(TypedDict):\n  lines: tuple[int, str]",
        "P = Optional['P']",
        "P = Optional[()]",
        "P = tuple[()] | list[*Strange] | None",
        "class P(TypedDict):\n  id: 5\n  size: '5'\n  maybe: ...\n  zone: 'a b'\n  owner: '\\0'\n  lines: Required[()]",
        "class P(TypedDict, total=Strange):\n  price: str",
        "class P(TypedDict, **Strange):\n  price: str",
        "Q = dict | 'P'\nP = Q | str",
        "class P(P): ...",
        "class Q(Later): ...\nclass Later(Q): ...\nclass P(Later): ...",
        "if Strange:\n  P = str\nelse:\n  P = int",
    ],
)
def test_what_fits_or_is_not_known_is_let_pass(tmp_path, code):
    assert said(tmp_path, code) == []


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {},
        {"type": "object"},
        {"type": "object", "properties": {"a": {}}, "patternProperties": {"x": {}}},
        {"not": {}, "properties": {"id": {"type": "integer"}}},
        {"anyOf": [{"type": "object", "required": ["id"]}, {"type": "object", "properties": {"a": {}}}]},
    ],
)
def test_where_the_schema_says_nothing_of_a_field_nothing_is_said(tmp_path, schema):
    assert said(tmp_path, "class P(TypedDict):\n  id: str", schema) == []


def test_a_class_is_followed_to_the_module_that_defines_it(tmp_path):
    files = {
        "shop/__init__.py": "from .models import Order as Bought\n",
        "shop/models.py": "from dataclasses import dataclass\n@dataclass\nclass Order:\n    id: int\n",
        "tasks.py": "import shop\nclass A:\n    @staticmethod\n    async def work(payload: 'shop.Bought', job): ...\n",
    }
    schema = json.dumps(SCHEMA)
    config = f'version: 1\ntasks: {{work: {{handler: "tasks:A.work", payload: {schema}}}}}'

    (found,) = load_project(tmp_path, config, files).findings

    assert found.message == "'id' of Order is annotated int, and text comes"
    assert (found.line, config.splitlines()[1][found.col - 1 : found.end_col - 1]) == (2, "work")


def test_with_import_the_source_is_read_as_well(tmp_path):
    files = {"tasks.py": "from typing import TypedDict\nclass P(TypedDict):\n    id: int\ndef work(payload: P): ...\n"}
    schema = "{properties: {id: {type: string}}, required: [id]}"
    config = f"version: 1\ntasks: {{work: {{handler: tasks.work, payload: {schema}}}}}"

    (found,) = load_project(tmp_path, config, files, importer=importer).findings

    assert found.message == "'id' of P is annotated int, and text comes"


KINDS = {"str": {"type": "string"}, "int": {"type": "integer"}, "dict": {"type": "object"}, "Any": {}}
VALUES = {"str": "x", "int": 1, "dict": {}, "Any": None}
FIELDS = st.dictionaries(
    st.sampled_from("abc"), st.tuples(st.sampled_from(list(KINDS)), st.booleans()), min_size=1, max_size=3
)


@settings(max_examples=60)
@given(FIELDS, FIELDS, st.booleans(), st.booleans())
def test_what_is_let_pass_is_made_of_every_payload(tmp_path_factory, fields, declared, makes, closed):
    order = sorted(fields, key=lambda name: not fields[name][1])
    lines = [f"  {name}: {fields[name][0]}{'' if fields[name][1] else ' = None'}" for name in order]
    typed = [f"  {name}: {kind if needed else f'NotRequired[{kind}]'}" for name, (kind, needed) in fields.items()]
    code = "\n".join(["@dataclass", "class P:", *lines] if makes else ["class P(TypedDict):", *typed])
    schema = {
        "type": "object",
        "additionalProperties": not closed,
        "required": [name for name, (_, needed) in declared.items() if needed],
        "properties": {name: KINDS[kind] for name, (kind, _) in declared.items()},
    }
    names = {"dataclass": dataclass, "TypedDict": TypedDict, "NotRequired": NotRequired, "Any": Any}
    namespace = {**names, "__name__": __name__}
    exec(compile(code, "p", "exec", dont_inherit=True), namespace)
    convert = conversion(namespace["P"], namespace)
    least = {name: VALUES[kind] for name, (kind, needed) in declared.items() if needed}

    if any("fails" in message for message in said(tmp_path_factory.mktemp("p"), code, schema)):
        with pytest.raises(InvalidPayload):
            convert(least)
    else:
        convert(least)
