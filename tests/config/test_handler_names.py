"""The names of a module: what binds them, what imports give, and which imports must fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from kongflow.config.handler_path import HandlerFault
from kongflow.config.handlers import HandlerSignature, find_handler
from tests.config.python_files import problem, signature, write


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, "jobs/__init__.py", "")
    write(
        tmp_path,
        "jobs/runs.py",
        "class Mail:\n    @staticmethod\n    def send(payload): ...\nasync def start(payload): ...\n",
    )
    return tmp_path


# --- what binds a name -----------------------------------------------------------------------------------------------

BOUND = {
    "a tuple": "f, x = (lambda payload: 1), 2",
    "a starred list": "[x, *f] = 1, 2",
    "match": "match 1:\n    case 1:\n        def f(payload): ...",
    "a capture": "match print:\n    case f:\n        pass",
    "a capture of the rest": "match {}:\n    case {'a': 1, **f}:\n        pass",
    "except*": "try:\n    from nothing import f\nexcept* ImportError:\n    def f(payload): ...",
    "with": "with open(x) as f:\n    pass",
    "for": "for f in [lambda payload: 1]:\n    pass",
    "while": "while True:\n    def f(payload): ...\n    break",
    "a walrus": "if (f := (lambda payload: 1)):\n    pass",
    "a walrus in a comprehension": "[f := x for x in [print]]",
    "a deep walrus": "x = {1: [(f := print)]}",
    "global": "def make():\n    global f\n    f = print\nmake()",
    "None and global": "f = None\ndef make():\n    global f\n    f = print\nmake()",
    "augmented": "f = None\nf += 1",
    "deleted and bound again": "def f(): ...\ndel f",
    "a hundred branches": "if x:\n    pass\n" + "elif x:\n    def f(payload): ...\n" * 100,
}


@pytest.mark.parametrize("code", BOUND.values(), ids=BOUND)
def test_a_name_is_bound_by_whatever_statement_binds_it(project: Path, code: str) -> None:
    (project / "bound.py").write_text(code)
    assert isinstance(find_handler(project, "bound.f"), HandlerSignature)


@pytest.mark.parametrize(
    "code",
    [
        "f: int",
        "x = [f for f in [1]]",
        "x = lambda f: (g := f)",
        "def g():\n    f = 1",
        "class C:\n    f = 1",
        "def g():\n    with x as f: ...",
        "try:\n    pass\nexcept ValueError as f:\n    pass",
    ],
)
def test_a_name_of_an_inner_scope_is_not_one_of_the_module(project: Path, code: str) -> None:
    (project / "bound.py").write_text(code)
    assert problem(project, "bound.f").fault is HandlerFault.ATTRIBUTE


@pytest.mark.parametrize("guard", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_an_import_for_type_checkers_is_no_handler(project: Path, guard: str) -> None:
    (project / "typed.py").write_text(f"import typing\nif {guard}:\n    from jobs.runs import start\n")
    found = problem(project, "typed.start")
    assert (found.fault, found.message) == (HandlerFault.ATTRIBUTE, "typed.py imports 'start' for type checkers only")
    assert "if TYPE_CHECKING" in str(found.help)


def test_what_stands_beside_an_import_for_type_checkers_is_what_runs(project: Path) -> None:
    (project / "typed.py").write_text("if TYPE_CHECKING:\n    f = None\nelse:\n    def f(payload, job): ...\n")
    assert signature(project, "typed.f").takes_context is True


# --- star imports ----------------------------------------------------------------------------------------------------


def stars(project: Path, init: str, **modules: str) -> None:
    write(project, "pkg/__init__.py", init)
    for name, text in modules.items():
        write(project, f"pkg/{name.replace('__', '/')}.py", text)


def test_a_star_gives_what_all_lists(project: Path) -> None:
    one = '__all__ = ["shown"]\ndef shown(payload): ...\ndef hidden(payload): ...\n'
    stars(project, "from .one import *", one=one)
    assert signature(project, "pkg.shown").takes_context is False
    assert problem(project, "pkg.hidden").message == "pkg/__init__.py defines no 'hidden'"


def test_a_star_gives_no_submodule(project: Path) -> None:
    stars(project, "from .one import *\nfrom .two import *", one__send="", two="def send(payload): ...\n")
    write(project, "pkg/one/__init__.py", "")
    assert signature(project, "pkg.send").takes_context is False
    stars(project, "from .one import *")
    assert problem(project, "pkg.send").fault is HandlerFault.ATTRIBUTE


def test_the_last_star_that_gives_a_name_holds(project: Path) -> None:
    stars(project, "from .one import *\nfrom .two import *", one="def f(): ...\n", two="def f(payload, job): ...\n")
    assert signature(project, "pkg.f").takes_context is True


def test_a_star_gives_what_stars_give_it(project: Path) -> None:
    stars(project, "from .one import *", one="from .two import *", two="def f(payload, job): ...\n_x = f\n")
    assert signature(project, "pkg.f").takes_context is True
    assert problem(project, "pkg.g").fault is HandlerFault.ATTRIBUTE


@pytest.mark.parametrize(
    "one", ["__all__ = make()", "__all__ = ['a']\n__all__ += ['f']", "__all__ = ['a']\n__all__.append('f')"]
)
def test_a_list_that_is_made_at_run_time_leaves_open_what_a_star_gives(project: Path, one: str) -> None:
    stars(project, "from .one import *", one=one)
    assert signature(project, "pkg.f").takes_context is None


@pytest.mark.parametrize("init", ["from absent import *", "from jinja2 import *", "from .gone import *"])
def test_a_star_that_reading_cannot_follow_leaves_names_open(project: Path, init: str) -> None:
    stars(project, init)
    assert signature(project, "pkg.f").takes_context is None


def test_a_name_that_a_package_lists_without_binding_it_is_left_open(project: Path, monkeypatch) -> None:
    write(project, "elsewhere/installed.py", '__all__ = ["f"]\nglobals().update(f=print)\n')
    monkeypatch.syspath_prepend(project / "elsewhere")
    stars(project, "from installed import *")
    assert signature(project, "pkg.f").takes_context is None


def test_python_s_own_are_no_handlers_through_a_star_either(project: Path) -> None:
    stars(project, "from textwrap import *")
    assert "is Python's own, from textwrap" in problem(project, "pkg.dedent").message


def test_many_stars_in_circles_come_to_an_end(project: Path) -> None:
    names = [f"m{number}" for number in range(12)]
    text = "".join(f"from .{name} import *\n" for name in names)
    stars(project, text, **dict.fromkeys(names, text))
    assert signature(project, "pkg.f").takes_context is None


# --- imports that must fail ------------------------------------------------------------------------------------------


def test_a_name_that_is_imported_from_where_it_is_not_is_missing(project: Path) -> None:
    write(project, "pkg/__init__.py", "from .impl import work\nfrom .impl import werk as fine\n")
    write(project, "pkg/impl.py", "def werk(payload): ...\n")
    found = problem(project, "pkg.work")
    assert found.fault is HandlerFault.ATTRIBUTE
    assert found.message == "pkg/impl.py defines no 'work'; did you mean 'werk'?"
    assert signature(project, "pkg.fine").takes_context is False


@pytest.mark.parametrize("code", ["from .gone import work", "from pkg.gone import work", "from jobs.gone import work"])
def test_a_name_that_is_imported_from_a_missing_module_of_the_project_is_missing(project: Path, code: str) -> None:
    write(project, "pkg/__init__.py", code)
    found = problem(project, "pkg.work")
    assert found.fault is HandlerFault.MODULE
    assert found.message.startswith("pkg/__init__.py, line 1: no module ")


@pytest.mark.parametrize(
    "code",
    [
        "from absent import work",
        "from jinja2 import work",
        "try:\n    from .gone import work\nexcept ImportError:\n    work = None",
        "try:\n    from .gone import work\nexcept ImportError:\n    from absent import *",
        "from .gone import work\ndef __getattr__(name): ...",
        "from .lazy import work",
        "from .starred import work",
    ],
)
def test_an_import_that_may_succeed_is_left_to_python(project: Path, code: str) -> None:
    write(project, "pkg/__init__.py", code)
    write(project, "pkg/lazy.py", "def __getattr__(name): ...")
    write(project, "pkg/starred.py", "from absent import *")
    assert signature(project, "pkg.work").takes_context is None


def test_a_folder_without_init_defines_nothing(project: Path) -> None:
    write(project, "ns/mod.py", "def work(payload): ...\n")
    write(project, "ns/deep/other.py", "")
    write(project, "ns/notes.txt", "")
    found = problem(project, "ns.work")
    assert (found.fault, found.message) == (
        HandlerFault.ATTRIBUTE,
        "'ns' is a folder without __init__.py and defines no 'work'",
    )
    assert found.help == "modules in it: ns.deep, ns.mod"
    assert problem(project, "ns.mod").message == "'mod' is a module, not a function"


def test_a_class_in_a_dotted_path_says_how_to_write_it(project: Path) -> None:
    found = problem(project, "jobs.runs.Mail.send")
    assert found.message == "no module 'jobs.runs.Mail'"
    assert found.help == "'Mail' is a name in the module 'jobs.runs': write jobs.runs:Mail.send"
