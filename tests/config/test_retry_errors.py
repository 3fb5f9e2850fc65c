"""The names of errors in retry policies: what reading and importing say of them, and lists that undo each other."""

from __future__ import annotations

import sys

import pytest

from kongflow.config.exceptions import exception_problem
from kongflow.core.retry import class_names
from kongflow.engine.children.importing import import_handlers
from tests.config.projects import load_project, slugs, write

BAKERY = {
    "bakery/__init__.py": "from bakery.errors import SoldOut, Gone as Missing\n",
    "bakery/errors.py": (
        "from bakery.deep import Deep\n\n\nclass SoldOut(Exception):\n    pass\n\n\n"
        "class Gone(SoldOut):\n    pass\n\n\n"
        "Old = Gone\nLIMIT = 5\n\n\nclass Plain:\n    pass\n"
    ),
    "bakery/deep.py": "class Deep(Exception):\n    pass\n",
    "bakery/made.py": "Made = type('Made', (Exception,), {})\n",
    "bakery/open.py": "from bakery.errors import *\n",
    "bakery/moved.py": "from bakery.errors import Gone\n\nGone.__module__ = 'bakery.moved'\n",
    "bakery/lazy.py": "def __getattr__(name):\n    return Exception\n",
    "bakery/broken.py": "def (:\n",
}


@pytest.fixture
def root(tmp_path):
    return write(tmp_path, BAKERY).parent


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("IOError", "OSError"),
        ("builtins.IOError", "OSError"),
        ("asyncio.TimeoutError", "TimeoutError"),
        ("socket.timeout", "TimeoutError"),
        ("queue.Empty", "_queue.Empty"),
        ("bakery.Missing", "bakery.errors.Gone"),
        ("bakery.errors.Old", "bakery.errors.Gone"),
        ("bakery.errors.Deep", "bakery.deep.Deep"),
    ],
)
def test_another_name_of_a_class_is_told_with_its_own(root, name, own):
    assert exception_problem(root, name).help == f"write {own}"


@pytest.mark.parametrize(
    "name",
    [
        "ConnectionError",
        "builtins.ConnectionError",
        "kongflow.TimedOut",
        "kongflow.errors.TimedOut",
        "json.JSONDecodeError",
        "json.decoder.JSONDecodeError",
        "bakery.errors.SoldOut",
        "bakery.SoldOut",  # a package around the module that defines it
        "bakery.made.Made",
        "bakery.open.Anything",
        "bakery.moved.Gone",
        "bakery.lazy.Anything",
        "bakery.broken.Anything",
        "bakery.errors.Plain.Inner",
        "not_installed_here.Error",
    ],
)
def test_a_name_that_is_right_or_may_be_raises_nothing(root, name):
    assert exception_problem(root, name) is None


@pytest.mark.parametrize(
    ("name", "message", "advice"),
    [
        ("ConectionError", "no built-in exception is called 'ConectionError'", "did you mean 'ConnectionError'?"),
        ("kongflow.TimeOut", "kongflow has no exception 'TimeOut'", "did you mean 'TimedOut'?"),
        ("json.JSONDecodError", "json has no exception 'JSONDecodError'", "did you mean 'JSONDecodeError'?"),
        ("bakery.errors.SoldOff", "bakery.errors has no exception 'SoldOff'", "did you mean 'SoldOut'?"),
        ("int", "'int' is no exception class", "name a class that is raised"),
        ("json.loads", "'json.loads' is no exception class", "name a class that is raised"),
        ("bakery.errors.LIMIT", "'bakery.errors.LIMIT' is no exception class", "name a class that is raised"),
        ("bakery.errors.Plain", "'bakery.errors.Plain' is no exception class", "name a class that is raised"),
    ],
)
def test_a_name_that_no_error_can_have_is_told(root, name, message, advice):
    found = exception_problem(root, name)

    assert (found.message, found.help) == (message, advice)


def test_nothing_of_the_project_is_run_to_read_a_name(root):
    (root / "bakery" / "errors.py").write_text("raise RuntimeError('imported')\nclass SoldOut(Exception): pass\n")

    assert exception_problem(root, "bakery.errors.SoldOut") is None
    assert "bakery" not in sys.modules


@pytest.fixture
def imported(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root))
    yield root
    for name in [name for name in sys.modules if name.partition(".")[0] == "bakery"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "is_known"),
    [
        ("bakery.SoldOut", True),
        ("bakery.errors.Gone", True),
        ("bakery.made.Made", True),
        ("bakery.open.SoldOut", False),
        ("bakery.Missing", False),
        ("bakery.errors.Plain", False),
        ("not_installed_here.Error", False),
    ],
)
def test_importing_leaves_nothing_to_guess(imported, name, is_known):
    assert (exception_problem(imported, name, imports=True) is None) is is_known


def test_what_reading_takes_for_right_is_what_errors_are_known_by(imported):
    from bakery.errors import Gone

    assert {"bakery.errors.Gone", "bakery.errors.SoldOut", "bakery.SoldOut"} <= set(class_names(Gone))
    assert "bakery.Missing" not in class_names(Gone)


def test_a_name_in_the_policy_of_a_task_is_marked_there(tmp_path):
    files = {"catalog/a.yaml": "tasks:\n  work:\n    handler: tasks.work\n    retry: {give_up_on: [OSError, Tpyo]}\n"}

    (found,) = load_project(tmp_path, "version: 1\ninclude: [catalog/*.yaml]\n", files).findings

    assert (found.slug, found.line, found.col) == ("retry-exception-unknown", 4, 35)
    assert (found.file.endswith("catalog/a.yaml"), found.json_path) == (True, "$.tasks.work.retry.give_up_on[1]")


def test_a_name_in_the_policy_of_the_defaults_is_told_once(tmp_path):
    tasks = "tasks: {one: {handler: tasks.work}, two: {handler: tasks.work}}"

    loaded = load_project(tmp_path, f"version: 1\ndefaults: {{task: {{retry: {{retry_on: [Tpyo]}}}}}}\n{tasks}")

    assert slugs(loaded) == ["retry-exception-unknown"]


@pytest.mark.parametrize(
    ("retry_on", "give_up_on", "overlap"),
    [
        ("[OSError]", "[ConnectionError]", False),
        ("[ConnectionError]", "[OSError]", True),
        ("[builtins.ConnectionError]", "[OSError]", True),
        ("[kongflow.TimedOut]", "[kongflow.errors.KongFlowError]", True),
        ("[acme.Error]", "[acme.Error]", True),
        ("[acme.Error]", "[Exception]", False),  # most likely; nobody has read it
        ("['*']", "[OSError]", False),
    ],
)
def test_lists_overlap_where_giving_up_takes_all_of_an_entry(tmp_path, retry_on, give_up_on, overlap):
    config = f"version: 1\nretry_policies: {{default: {{retry_on: {retry_on}, give_up_on: {give_up_on}}}}}"

    assert slugs(load_project(tmp_path, config)) == (["retry-lists-overlap"] if overlap else [])


def test_importing_is_done_beside_the_handlers_in_a_process_of_its_own(tmp_path):
    files = {"made.py": "Error = type('Error', (Exception,), {'__module__': 'other'})\n"}
    config = "version: 1\ntasks: {work: {handler: tasks.work, retry: {retry_on: [made.Error, made.Gone]}}}"

    read = load_project(tmp_path, config, files)
    imported = load_project(tmp_path, config, files, importer=import_handlers)

    assert slugs(read) == []  # its text says that there may be more to it
    assert [found.help for found in imported.findings] == ["write other.Error", ""]
    assert "made" not in sys.modules


def test_a_module_that_ends_the_process_leaves_the_name_to_reading(tmp_path):
    files = {"deadly.py": "import os\n\nos._exit(3)\n\n\nclass Error(Exception):\n    pass\n"}
    config = "version: 1\ntasks: {work: {handler: tasks.work, retry: {retry_on: [deadly.Error, deadly.Eror]}}}"

    loaded = load_project(tmp_path, config, files, importer=import_handlers)

    assert [found.help for found in loaded.findings] == ["did you mean 'Error'?"]
