"""The module that is written: its names, its texts, and what it does when it runs."""

from __future__ import annotations

import ast
import inspect
import io
import tokenize
from typing import Any

import pytest

from kongflow.engine.client import EnqueueOptions
from kongflow.generate.python_client import MARK, python_client
from tests.generate.modules import catalog_of, imported, module_of

TEXT = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}


class Flow:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def enqueue(self, task: str, payload: Any = None, **options: Any) -> str:
        self.calls.append((task, payload, options))
        return "job"


# --- imports ---------------------------------------------------------------------------------------------------------


def test_words_of_a_description_import_nothing() -> None:
    told = {"type": "object", "properties": {"a": {"type": "string", "description": "Never a Union of datetime"}}}
    tasks = {"t": {"payload": told, "description": "Any Mapping"}, "Never": {"description": "Union"}}

    tree = ast.parse(python_client(catalog_of(tasks)))

    names = {each.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for each in node.names}
    assert names <= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


# --- names -----------------------------------------------------------------------------------------------------------


def test_the_classes_of_a_task_have_its_name() -> None:
    module = module_of({"events.invokeDispatcher": {"payload": TEXT, "result": TEXT}})

    assert set(module.EventsInvokeDispatcherPayload.__annotations__) == {"a"}
    assert set(module.EventsInvokeDispatcherResult.__annotations__) == {"a"}


def test_tasks_whose_names_would_make_one_class_get_two_that_depend_on_nothing_else() -> None:
    tasks = {name: {"payload": TEXT} for name in ("start-run", "startRun", "start.Run", "other")}
    alike = {"StartRun_1c69ecPayload", "StartRun_4fe915Payload", "StartRun_6ae4cdPayload"}

    assert {name for name in vars(module_of(tasks)) if name.endswith("Payload")} == {"OtherPayload", *alike}
    del tasks["start.Run"]
    assert vars(module_of(tasks)).keys() & alike == alike - {"StartRun_6ae4cdPayload"}


def test_a_name_from_inside_a_schema_moves_no_class_of_a_task() -> None:
    inner = {"type": "object", "properties": {"payload": TEXT}}

    module = module_of({"a": {"payload": inner}, "aPayload": {"payload": TEXT}})

    assert set(module.APayloadPayload.__annotations__) == {"a"}
    assert module.APayload.__annotations__.keys() == {"payload"}
    assert set(module.APayloadPayload2.__annotations__) == {"a"}


def test_the_text_is_the_same_in_whatever_order_the_tasks_stand() -> None:
    tasks = {name: {"payload": TEXT} for name in ("b", "a", "c")}

    assert python_client(catalog_of(tasks)) == python_client(catalog_of(dict(sorted(tasks.items()))))


# --- texts -----------------------------------------------------------------------------------------------------------

NASTY = [
    'ends with "',
    "ends with \\",
    '"""',
    'a """ b """" c',
    "\\N{BULLET} \\x41 \\",
    "two\nlines\r\nand # type: ignore",
    "# pyright: basic",
    "\u2028\u202e\x7f\x0c",
    "a" * 300,
    "word " * 100,
]


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_whatever_a_description_says_it_stays_a_docstring(text: str) -> None:
    about = {"type": "object", "description": text, "properties": {"a": {"type": "string", "description": text}}}
    odd = {"type": "object", "description": text, "properties": {"a-b": {"type": "string", "description": text}}}

    tasks = {"t": {"payload": about, "result": odd, "description": text}, "u": {}}
    written = python_client(catalog_of(tasks, name=text))

    said = [node.value for node in ast.walk(ast.parse(written)) if isinstance(node, ast.Constant)]
    assert sum(" ".join(text.split()) in " ".join(str(value).split()) for value in said) == 6
    tokens = tokenize.generate_tokens(io.StringIO(written).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    assert comments == [MARK, "# ruff: noqa", "# ruff: noqa: PGH004", "# fmt: off"]
    assert all(character.isprintable() for character in written.replace("\n", ""))


# --- calls -----------------------------------------------------------------------------------------------------------


def test_the_client_asks_for_what_it_was_asked_for() -> None:
    module, flow = module_of({"t": {"payload": TEXT}, "u": {}}), Flow()
    client = module.Client(flow)

    assert client.enqueue("t", {"a": "x"}, priority=3, connection="tx") == "job"
    client.enqueue("u")

    assert flow.calls == [("t", {"a": "x"}, {"priority": 3, "connection": "tx"}), ("u", None, {})]
    assert module.addition("t", {"a": "x"}, tags=["y"]) == ("t", {"a": "x"}, {"tags": ["y"]})


@pytest.mark.parametrize("tasks", [{}, {"t": {"payload": TEXT}}], ids=["none", "one"])
def test_a_client_of_fewer_than_two_tasks_works_too(tasks: dict[str, Any]) -> None:
    module, flow = module_of(tasks), Flow()

    assert module.Client(flow).enqueue("t", {"a": "x"}) == "job"
    assert "@overload" not in python_client(catalog_of(tasks))


def test_the_options_are_those_of_enqueue() -> None:
    module = module_of({})

    assert module.Options.__annotations__.keys() == EnqueueOptions.__annotations__.keys()
    assert module.Options.__required_keys__ == frozenset()


@pytest.mark.parametrize(
    ("payload", "may"),
    [
        (None, True),
        ({"type": "object"}, True),
        ({"type": "object", "required": ["a"], "properties": {"a": {"default": 1}}}, True),
        (TEXT, False),
        ({"type": "object", "minProperties": 1}, False),
    ],
)
def test_a_payload_may_be_left_out_where_an_empty_one_is_accepted(payload: Any, may: bool) -> None:
    module = module_of({"t": {"payload": payload}})

    for call in (module.Client.enqueue, module.addition):
        assert (inspect.signature(call).parameters["payload"].default is None) == may


def test_the_module_imports_what_it_uses_and_nothing_else() -> None:
    for tasks in ({}, {"t": {"payload": TEXT}}, {"t": {"result": {"type": "object"}}, "u": {"result": False}}):
        tree = ast.parse(python_client(catalog_of(tasks)))
        names = {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert names <= used
        imported(python_client(catalog_of(tasks)))
