"""Finding a handler by reading: nothing of the user's code runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kongflow.config.handler_path import FilePlace, HandlerFault, HandlerProblem
from kongflow.config.handlers import HandlerSignature, find_handler
from kongflow.config.payload_forms import Form
from kongflow.config.types.type import Kind
from tests.config.python_files import problem, signature, write

EXPLODES = "raise RuntimeError('this line must never run')\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(
        tmp_path,
        "jobs/runs.py",
        """
        import missing_driver
        from elsewhere import partial

        async def start(payload: dict[str, int], job) -> None:
            await missing_driver.go()

        def sync(payload, /): ...

        def with_star(*args): ...

        def optional_job(payload, job=None, *, retries: int = 3, **more): ...

        renamed = sync
        again = renamed
        double = lambda payload: payload
        bound = partial(start, 1)
        LIMIT = 10
        NAMES = ["a"]

        class Mail:
            @staticmethod
            async def send(payload, job): ...
            @classmethod
            def build(cls, payload): ...
            def deliver(self, payload): ...
            @property
            def size(self): ...

        class Child(Mail): ...

        @missing_driver.retry
        def decorated(a, b, c): ...

        if LIMIT:
            def branched(payload): ...
        if LIMIT:
            def either(payload): ...
        else:
            either = None
        def twice(): ...
        def twice(payload): ...
        try:
            from .fast import quick
        except ImportError:
            def quick(payload): ...
        """,
    )
    write(tmp_path, "jobs/__init__.py", EXPLODES)
    write(tmp_path, "jobs/fast.py", EXPLODES)
    return tmp_path


# --- what is found ---------------------------------------------------------------------------------------------------


def test_a_handler_is_found_with_its_place_and_signature(project: Path) -> None:
    assert signature(project, "jobs.runs.start") == HandlerSignature(
        file=project / "jobs" / "runs.py",
        line=5,
        is_async=True,
        takes_context=True,
        parameters=("payload", "job"),
        payload=Form("dict[str, int]", frozenset({Kind.OBJECT})),
    )


@pytest.mark.parametrize(
    ("dotted", "is_async", "takes_context"),
    [
        ("jobs.runs:start", True, True),
        ("jobs.runs.sync", False, False),
        ("jobs.runs.with_star", False, True),
        ("jobs.runs.optional_job", False, True),
        ("jobs.runs.again", False, False),
        ("jobs.runs.double", False, False),
        ("jobs.runs.branched", False, False),
        ("jobs.runs.twice", False, False),
        ("jobs.runs:Mail.send", True, True),
        ("jobs.runs:Mail.build", False, False),
    ],
)
def test_functions_of_every_kind_are_found(project: Path, dotted: str, is_async: bool, takes_context: bool) -> None:
    found = signature(project, dotted)
    assert (found.is_async, found.takes_context) == (is_async, takes_context)


@pytest.mark.parametrize(
    "dotted",
    [
        "jobs.runs.bound",
        "jobs.runs.decorated",
        "jobs.runs.either",
        "jobs.runs.quick",
        "jobs.runs.partial",
        "jobs.runs:Child.send",
        "jobs.runs:Mail.size",
        "jobs.runs:bound.func",
    ],
)
def test_what_only_importing_could_tell_is_no_finding(project: Path, dotted: str) -> None:
    found = signature(project, dotted)
    assert (found.is_async, found.takes_context, found.parameters) == (None, None, None)


@pytest.mark.parametrize(
    ("export", "dotted"),
    [
        ("from .runs import start", "jobs.api.start"),
        ("from .runs import start as go", "jobs.api.go"),
        ("from jobs.runs import start", "jobs.api.start"),
        ("from jobs import runs\nfrom .runs import *", "jobs.api.start"),
        ("from . import runs\nfrom jobs.runs import start as a\nb = a", "jobs.api.b"),
        ("from ..jobs.runs import start", "jobs.api.start"),
        ("if True:\n    from .runs import start", "jobs.api.start"),
    ],
)
def test_re_exports_are_followed_to_where_the_function_stands(project: Path, export: str, dotted: str) -> None:
    write(project, "jobs/api.py", export)
    if "..jobs" in export:
        assert signature(project, dotted).is_async is None  # leads out of the package: only Python could say
    else:
        assert signature(project, dotted).file == project / "jobs" / "runs.py"


def test_a_package_exports_what_its_init_imports(project: Path) -> None:
    write(project, "shop/__init__.py", "from .tasks import pay\n")
    write(project, "shop/tasks.py", "def pay(payload): ...\n")
    assert signature(project, "shop.pay").file == project / "shop" / "tasks.py"


def test_a_folder_without_init_is_a_package(project: Path) -> None:
    write(project, "bare/inner/tasks.py", "def pay(payload): ...\n")
    assert signature(project, "bare.inner.tasks.pay").takes_context is False


def test_names_of_every_alphabet_are_found(project: Path) -> None:
    write(project, "größen.py", "def messe(payload): ...\ndef größe(payload): ...\n")
    assert signature(project, "größen.größe").takes_context is False


def test_imports_in_a_circle_end(project: Path) -> None:
    write(project, "a.py", "from b import x\nfrom b import *\n")
    write(project, "b.py", "from a import x\nfrom a import *\ny = z\nz = y\n")
    for dotted in ("a.x", "b.x", "a.y", "a.other"):
        assert signature(project, dotted).takes_context is None


def test_a_module_that_makes_its_names_itself_is_left_alone(project: Path) -> None:
    write(project, "lazy.py", "def __getattr__(name): ...\n")
    assert signature(project, "lazy.anything").takes_context is None


def test_an_installed_package_is_looked_for_where_python_looks(project: Path) -> None:
    assert signature(project, "jinja2.filters.do_upper").parameters == ("s",)


def test_a_file_that_has_changed_is_read_again(project: Path) -> None:
    write(project, "late.py", "def one(payload): ...\n")
    assert problem(project, "late.two").fault is HandlerFault.ATTRIBUTE
    write(project, "late.py", "def one(payload): ...\ndef two(payload, job): ...\n")
    assert signature(project, "late.two").takes_context is True


# --- what is wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dotted", "fault", "marked", "message"),
    [
        ("jobz.runs.start", HandlerFault.MODULE, "jobz.runs", "no module 'jobz.runs'"),
        ("jobs.rums.start", HandlerFault.MODULE, "jobs.rums", "no module 'jobs.rums'"),
        ("jobs.runs.deep.start", HandlerFault.MODULE, "jobs.runs.deep", "no module 'jobs.runs.deep'"),
        ("jobs.runs.strat", HandlerFault.ATTRIBUTE, "strat", "defines no 'strat'; did you mean 'start'?"),
        ("jobs.runs:Mail.sent", HandlerFault.ATTRIBUTE, "Mail.sent", "'Mail' defines no 'sent'; did you mean 'send'?"),
        ("jobs.runs.LIMIT", HandlerFault.CALLABLE, "LIMIT", "'LIMIT' is int 10, not a function"),
        ("jobs.runs.NAMES", HandlerFault.CALLABLE, "NAMES", "'NAMES' is a list, not a function"),
        ("jobs.runs.Mail", HandlerFault.CALLABLE, "Mail", "'Mail' is a class"),
        ("jobs.runs:Mail.deliver", HandlerFault.CALLABLE, "Mail.deliver", "make it a @staticmethod"),
        ("jobs.runs", HandlerFault.CALLABLE, "runs", "'runs' is a module, not a function"),
        ("jobs.runs.missing_driver", HandlerFault.CALLABLE, "missing_driver", "is a module, not a function"),
    ],
)
def test_a_problem_names_what_is_wrong_and_marks_it(
    project: Path, dotted: str, fault: HandlerFault, marked: str, message: str
) -> None:
    found = problem(project, dotted)
    assert (found.fault, dotted[found.start : found.end]) == (fault, marked)
    assert message in found.message


def test_a_missing_module_says_how_far_the_path_exists(project: Path) -> None:
    assert problem(project, "jobs.rums.start").help == "there is 'jobs', with nothing below it called 'rums'"
    assert "folder of kongflow.yaml" in str(problem(project, "nowhere.start").help)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def f(): ...", "takes no arguments"),
        ("def f(a, b, c): ...", "requires 3 arguments: a, b, c"),
        ("def f(payload, *, job): ...", "requires the keyword 'job'"),
        ("def f(payload, retries=3): ...", "its second parameter 'retries' would get the job"),
        ("def f(*, payload): ...", "requires the keyword 'payload'"),
        ("def f(**payload): ...", "takes no arguments"),
        ("f = lambda: 1", "takes no arguments"),
    ],
)
def test_a_signature_that_no_runner_can_call_is_refused(project: Path, code: str, message: str) -> None:
    write(project, "one.py", code)
    found = problem(project, "one.f")
    assert found.fault is HandlerFault.SIGNATURE
    assert message in found.message
    assert found.help == "a handler takes (payload) or (payload, job)"


@pytest.mark.parametrize(
    ("code", "is_generator"),
    [
        ("def f(payload):\n    yield 1", True),
        ("async def f(payload):\n    yield 1", True),
        ("def f(payload):\n    return [(yield)]", True),
        ("def f(payload):\n    def inner():\n        yield 1\n    return list(inner())", False),
        ("def f(payload):\n    return sum(x for x in payload)", False),
    ],
)
def test_a_generator_is_no_handler(project: Path, code: str, is_generator: bool) -> None:
    write(project, "one.py", code)
    found = find_handler(project, "one.f")
    assert isinstance(found, HandlerProblem) is is_generator


@pytest.mark.parametrize(
    ("text", "line", "col"),
    [
        ("x = 1\ndef f(:\n", 2, 7),
        ("f = '\0'\n", 1, 1),
        ("(" * 500 + ")" * 500, 1, 201),
        ("\tx\n  y\n", 1, 1),
        ("ä = '人' 5\n", 1, 9),
        ("x = 1\ny = '\udcff'\n", 2, 1),
    ],
)
def test_a_file_that_cannot_be_parsed_is_a_problem_at_its_place(project: Path, text: str, line: int, col: int) -> None:
    (project / "broken.py").write_text(text, errors="surrogateescape")
    found = problem(project, "broken.f")
    assert found.fault is HandlerFault.SYNTAX
    assert found.message.startswith("this is not valid Python: ")
    assert found.place == FilePlace(project / "broken.py", line, col)


def test_an_escape_that_python_warns_about_is_not_our_business(project: Path) -> None:
    write(project, "regex.py", "X = '\\d'\ndef f(payload): ...\n")
    assert signature(project, "regex.f").line == 2


# --- paths that must lead nowhere ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dotted",
    [
        "os.system",
        "subprocess.run",
        "builtins.eval",
        "posix:system",
        "sys:modules.clear",
        "jobs.runs:__builtins__",
        "jobs.runs.__import__",
        "jobs.__init__.start",
        "jobs._private.start",
        "jobs.runs:start.__globals__",
        "jobs.runs:Mail.send.x",
        "..x",
        ".jobs.runs.start",
        "jobs..runs",
        "jobs.runs.start\n",
        "jobs.runs start",
        "jobs/runs.start",
        "jobs.runs:start()",
        "jobs.runs:",
        ":start",
        "start",
        "",
        "jobs.runs.lambda",
        "jobs.runs:a:b",
        "јobs.runs.start",
        "jobs.runs.ѕtart",
    ],
)
def test_a_path_that_no_handler_may_have_is_refused(project: Path, dotted: str) -> None:
    assert isinstance(find_handler(project, dotted), HandlerProblem)


@pytest.mark.parametrize(
    "code", ["import os", "from os import system", "from os import path as system", "import os as x"]
)
def test_a_function_of_python_is_no_handler_through_a_file_of_yours_either(project: Path, code: str) -> None:
    write(project, "sly.py", code)
    for dotted in ("sly:os.system", "sly.system", "sly:system.join", "sly:x.system", "sly.os.system"):
        assert isinstance(find_handler(project, dotted), HandlerProblem)


def test_nothing_is_imported_to_find_a_handler(project: Path) -> None:
    before = set(sys.modules)
    imported: list[str] = []

    def remember(event: str, arguments: tuple[object, ...]) -> None:
        if event == "import" and watching:
            imported.append(str(arguments[0]))

    watching = True
    sys.addaudithook(remember)
    for dotted in ("jobs.runs.start", "jobs.fast.x", "jobs.runs:Mail.send", "nowhere.x", "os.system"):
        find_handler(project, dotted)
    watching = False

    assert imported == []
    assert {name for name in set(sys.modules) - before if name.startswith(("jobs", "nowhere"))} == set()
