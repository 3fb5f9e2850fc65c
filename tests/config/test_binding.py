"""Binding: dotted paths become functions, once, and everything that fails is told at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from kongflow.config.binding import Handler, bind, try_bind
from kongflow.config.handler_path import HandlerFault
from kongflow.core.catalog import Catalog, DatabaseSettings
from kongflow.core.retry import RetryPolicy
from kongflow.core.task import Task
from kongflow.errors import InvalidConfig, InvalidPayload


@pytest.fixture(autouse=True)
def python_as_it_was() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(root: Path, name: str, text: str) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dedent(text), encoding="utf-8")


def catalog(root: Path, **handlers: str) -> Catalog:
    tasks = {name: Task(name, handler, None, None, RetryPolicy()) for name, handler in handlers.items()}
    return Catalog(root=root, database=DatabaseSettings("sqlite://"), tasks=tasks)


def bound(root: Path, dotted: str) -> Handler:
    return bind(catalog(root, it=dotted))["it"]


def problem(root: Path, dotted: str) -> tuple[HandlerFault, str, str]:
    handlers, problems = try_bind(root, {"it": dotted})
    assert handlers == {}
    found = problems["it"]
    return found.fault, dotted[found.start : found.end], found.message


# --- what is bound ---------------------------------------------------------------------------------------------------

RUNS = """
    import functools

    async def start(payload, job): ...
    def sync(payload): return payload["id"]
    bound = functools.partial(lambda prefix, payload: prefix + payload["id"], "run_")

    class Mail:
        @staticmethod
        async def send(payload): ...
        @classmethod
        def build(cls, payload, job): ...
        def deliver(self, payload): ...
        async def __call__(self, payload): ...

    mail = Mail()
    deliver = mail.deliver

    def logged(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)
        return wrapper

    @logged
    def decorated(payload): ...
    LIMIT = 10
    def generator(payload): yield 1
    def three(a, b, c): ...
"""


@pytest.mark.parametrize(
    ("dotted", "is_async", "takes_context"),
    [
        ("runs.start", True, True),
        ("runs:start", True, True),
        ("runs.sync", False, False),
        ("runs.bound", False, False),
        ("runs:Mail.send", True, False),
        ("runs:Mail.build", False, True),
        ("runs.mail", True, False),
        ("runs.deliver", False, False),
        ("runs:mail.deliver", False, False),
        ("runs.decorated", False, False),
    ],
)
def test_a_handler_is_bound_with_the_way_to_call_it(
    tmp_path: Path, dotted: str, is_async: bool, takes_context: bool
) -> None:
    write(tmp_path, "runs.py", RUNS)
    handler = bound(tmp_path, dotted)
    assert (handler.is_async, handler.takes_context) == (is_async, takes_context)


def test_what_is_bound_can_be_called(tmp_path: Path) -> None:
    write(tmp_path, "runs.py", RUNS)
    assert bound(tmp_path, "runs.sync").function({"id": "1"}) == "1"
    assert bound(tmp_path, "runs.bound").function({"id": "1"}) == "run_1"


def test_a_module_is_imported_once_for_all_its_handlers(tmp_path: Path) -> None:
    write(tmp_path, "once.py", "runs = []\ndef a(payload): ...\ndef b(payload): ...\nruns.append(1)\n")
    handlers = bind(catalog(tmp_path, one="once.a", two="once.b", three="once:a"))
    assert handlers["one"].function is handlers["three"].function
    assert sys.modules["once"].runs == [1]


def test_the_folder_of_the_project_comes_first_and_stays_for_lazy_imports(tmp_path: Path) -> None:
    write(tmp_path, "jobs/tasks.py", "def go(payload):\n    from jobs.later import value\n    return value\n")
    write(tmp_path, "jobs/later.py", "value = 7\n")
    handler = bound(tmp_path, "jobs.tasks.go")
    assert sys.path[0] == str(tmp_path)
    assert sys.path.count(str(tmp_path)) == 1
    assert handler.function({}) == 7


def test_two_projects_of_one_process_each_get_their_own_module(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path, f"{name}/jobs/tasks.py", f"def go(payload): return {name!r}\n")
    first, second = bound(tmp_path / "a", "jobs.tasks.go"), bound(tmp_path / "b", "jobs.tasks.go")
    assert (first.function({}), second.function({})) == ("a", "b")
    assert bound(tmp_path / "a", "jobs.tasks.go").function({}) == "a"


def test_binding_a_project_twice_gives_the_same_functions(tmp_path: Path) -> None:
    write(tmp_path, "runs.py", RUNS)
    assert bound(tmp_path, "runs.sync").function is bound(tmp_path, "runs.sync").function


def test_an_installed_package_is_never_replaced_by_a_folder_of_the_same_name(tmp_path: Path) -> None:
    import click

    write(tmp_path, "click/tasks.py", "def go(payload): ...\n")
    fault, marked, message = problem(tmp_path, "click.tasks.go")
    assert (fault, marked) == (HandlerFault.MODULE, "click.tasks")
    assert message.startswith("the module 'click' is already imported from")
    assert sys.modules["click"] is click


# --- what fails ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dotted", "fault", "marked", "message"),
    [
        ("nowhere.go", HandlerFault.MODULE, "nowhere", "no module 'nowhere'"),
        ("runs.strat", HandlerFault.ATTRIBUTE, "strat", "runs has no 'strat'; did you mean 'start'?"),
        ("runs:Mail.sent", HandlerFault.ATTRIBUTE, "Mail.sent", "Mail has no 'sent'; did you mean 'send'?"),
        ("runs.LIMIT", HandlerFault.CALLABLE, "LIMIT", "'LIMIT' is of type int, not a function"),
        ("runs.Mail", HandlerFault.CALLABLE, "Mail", "'Mail' is a class, not a function"),
        ("runs:Mail.deliver", HandlerFault.CALLABLE, "Mail.deliver", "make it a @staticmethod"),
        ("runs.functools", HandlerFault.CALLABLE, "functools", "'functools' is a module, not a function"),
        ("runs:functools.reduce", HandlerFault.CALLABLE, "functools.reduce", "is a module"),
        ("runs.generator", HandlerFault.CALLABLE, "generator", "is a generator: calling it would run nothing"),
        ("runs.three", HandlerFault.SIGNATURE, "three", "it requires 3 arguments: a, b, c"),
        ("os.system", HandlerFault.PATH, "os", "a module of Python itself"),
        ("runs:start.__globals__", HandlerFault.PATH, "runs:start.__globals__", "begins with an underscore"),
    ],
)
def test_a_problem_names_what_is_wrong_and_marks_it(
    tmp_path: Path, dotted: str, fault: HandlerFault, marked: str, message: str
) -> None:
    write(tmp_path, "runs.py", RUNS)
    found = problem(tmp_path, dotted)
    assert found[:2] == (fault, marked)
    assert message in found[2]


@pytest.mark.parametrize(
    "code", ["from os import system", "import os\nsystem = os.system", "from shutil import rmtree as system"]
)
def test_a_function_of_python_is_no_handler_through_a_file_of_yours_either(tmp_path: Path, code: str) -> None:
    write(tmp_path, "sly.py", code)
    fault, _, message = problem(tmp_path, "sly.system")
    assert (fault, "is Python's own, from" in message) == (HandlerFault.CALLABLE, True)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("\nimport drivr\n", "importing it failed in bad.py, line 2: ModuleNotFoundError: No module named 'drivr'"),
        ("raise ValueError('no key')", "importing it failed in bad.py, line 1: ValueError: no key"),
        ("import sys\nsys.exit(3)", "importing it failed in bad.py, line 2: SystemExit: 3"),
        ("raise BaseException", "importing it failed in bad.py, line 1: BaseException"),
        ("import helper", "importing it failed in helper.py, line 3: KeyError: 'x'"),
        ("def f(:", "importing it failed: SyntaxError: invalid syntax (bad.py, line 1)"),
    ],
)
def test_a_failing_import_gives_its_own_words_and_line(tmp_path: Path, code: str, message: str) -> None:
    write(tmp_path, "bad.py", code)
    write(tmp_path, "helper.py", "\n\n{}['x']\n")
    assert problem(tmp_path, "bad.f") == (HandlerFault.IMPORT, "bad", message)


def test_a_module_that_fails_is_run_once_and_told_for_every_task(tmp_path: Path) -> None:
    write(tmp_path, "count.py", "import sys\nsys.tries = getattr(sys, 'tries', 0) + 1\n1 / 0\n")
    _, problems = try_bind(tmp_path, {"one": "count.a", "two": "count.b"})
    try:
        assert (sorted(problems), sys.tries) == (["one", "two"], 1)  # type: ignore[attr-defined]
    finally:
        del sys.tries  # type: ignore[attr-defined]


def test_ctrl_c_is_not_a_problem_of_a_task(tmp_path: Path) -> None:
    write(tmp_path, "slow.py", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        try_bind(tmp_path, {"one": "slow.a"})


def test_every_task_without_a_handler_is_named_in_one_error(tmp_path: Path) -> None:
    write(tmp_path, "runs.py", RUNS)
    with pytest.raises(InvalidConfig) as caught:
        bind(catalog(tmp_path, good="runs.start", bad="runs.strat", worse="nowhere.x"))
    assert str(caught.value).splitlines() == [
        "2 handlers cannot be used:",
        "  task 'bad', handler 'runs.strat': runs has no 'strat'; did you mean 'start'?",
        "  task 'worse', handler 'nowhere.x': no module 'nowhere'",
    ]


# --- typed payloads --------------------------------------------------------------------------------------------------


def test_the_payload_is_converted_to_the_annotation_of_the_first_parameter(tmp_path: Path) -> None:
    write(
        tmp_path,
        "typed.py",
        """
        from __future__ import annotations
        from dataclasses import dataclass
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from kongflow import JobContext
            from collections.abc import Mapping

        @dataclass
        class Run:
            id: str

        async def start(payload: Run, job: JobContext) -> None: ...
        def loose(payload: Mapping[str, object]): ...
        def plain(payload: dict): ...
        class Caller:
            def __call__(self, payload: Run): ...
        caller = Caller()
        """,
    )
    for dotted in ("typed.start", "typed.caller"):
        handler = bound(tmp_path, dotted)
        assert repr(handler.convert({"id": "r1", "more": 1})) == "Run(id='r1')"
        with pytest.raises(InvalidPayload, match=r"\$\.id: is required by Run and missing"):
            handler.convert({})
    for dotted in ("typed.loose", "typed.plain"):
        payload = {"id": 1}
        assert bound(tmp_path, dotted).convert(payload) is payload


def test_an_annotation_that_only_a_type_checker_knows_is_a_problem(tmp_path: Path) -> None:
    write(
        tmp_path,
        "typed.py",
        """
        from __future__ import annotations
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from elsewhere import Run
        def start(payload: Run): ...
        """,
    )
    fault, _, message = problem(tmp_path, "typed.start")
    assert fault is HandlerFault.SIGNATURE
    assert "name 'Run' is not defined; import its type at run time" in message
