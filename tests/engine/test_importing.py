"""Importing for `validate --import`: in a process of its own, whatever a module does when it is imported."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from kongflow.config.handler_path import HandlerFault, HandlerProblem
from kongflow.config.handlers import HandlerSignature
from kongflow.engine.children import importing
from kongflow.engine.children.importing import import_handlers
from kongflow.engine.children.limits import CAN_LIMIT_MEMORY, ROOM

pytestmark = pytest.mark.only_on("sqlite")

HANDLERS = "def work(payload): ...\n\n\nasync def wait(payload, job): ...\n"
ENDS = {
    "os._exit(0)": "ended the process, with exit code 0",
    "os._exit(3)": "ended the process, with exit code 3",
    "os.kill(os.getpid(), signal.SIGSEGV)": "killed the process: SIGSEGV",
}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "good.py").write_text(HANDLERS)
    return tmp_path


@pytest.mark.parametrize("end", ENDS)
def test_a_module_that_ends_the_process_is_a_problem_of_its_own_handlers_only(project, end):
    (project / "bad.py").write_text(f"import os, signal\n\n{end}\n{HANDLERS}")
    dotted = {"a": "good.work", "b": "bad.work", "c": "bad:wait", "d": "good.wait"}

    found = import_handlers(project, dotted, set()).handlers

    assert found["b"] == found["c"] == HandlerProblem(HandlerFault.IMPORT, f"importing it {ENDS[end]}", 0, 3)
    assert [(found[name].is_async, found[name].takes_context) for name in "ad"] == [(False, False), (True, True)]


def test_a_module_that_never_ends_is_not_waited_for_for_ever(project, monkeypatch):
    (project / "stuck.py").write_text("import threading\n\nthreading.Event().wait()\n")
    monkeypatch.setattr(importing, "PATIENCE", 5.0)

    found = import_handlers(project, {"a": "stuck.work", "b": "good.work"}, set()).handlers

    assert found["a"].message == "importing it has not come to an end in 5 s"
    assert isinstance(found["b"], HandlerSignature)


def test_threads_that_a_module_starts_do_not_keep_the_process(project):
    (project / "busy.py").write_text(
        f"import threading\n\nthreading.Thread(target=threading.Event().wait).start()\n{HANDLERS}"
    )

    assert isinstance(import_handlers(project, {"a": "busy.work"}, set()).handlers["a"], HandlerSignature)


def test_a_process_that_a_module_leaves_behind_is_not_waited_for(project):
    (project / "forks.py").write_text(
        "import os, pathlib, time\n\n"
        "pid = os.fork()\n"
        "if pid == 0:\n    time.sleep(10)\n    pathlib.Path('ended').touch()\n    os._exit(0)\n"
        f"pathlib.Path('pid').write_text(str(pid))\n{HANDLERS}".replace("Path('", f"Path({str(project)!r}, '")
    )

    found = import_handlers(project, {"a": "forks.work"}, set()).handlers
    was_waited_for = (project / "ended").exists()
    os.kill(int((project / "pid").read_text()), signal.SIGKILL)

    assert isinstance(found["a"], HandlerSignature)
    assert not was_waited_for


@pytest.mark.skipif(not hasattr(signal, "SIGRTMIN"), reason="there are no real-time signals here")
def test_a_signal_without_a_name_is_told_by_its_number(project):
    (project / "bad.py").write_text(f"import os\n\nos.kill(os.getpid(), {signal.SIGRTMIN + 6})\n{HANDLERS}")

    found = import_handlers(project, {"a": "bad.work"}, set()).handlers

    assert found["a"].message == f"importing it killed the process: signal {signal.SIGRTMIN + 6}"


def test_who_is_interrupted_does_not_wait_for_a_module_that_is_stuck(project, monkeypatch):
    def interrupted(process, patience):
        raise KeyboardInterrupt

    (project / "stuck.py").write_text("import threading\n\nthreading.Event().wait()\n")
    monkeypatch.setattr(importing._Process, "_heard", interrupted)

    with pytest.raises(KeyboardInterrupt):
        import_handlers(project, {"a": "stuck.work"}, set())


def test_nothing_is_imported_here(project):
    path = sys.path[:]

    import_handlers(project, {"a": "good.work"}, set())

    assert "good" not in sys.modules
    assert sys.path == path


def test_no_open_file_is_left_behind(project):
    before = os.dup(0)

    import_handlers(project, {"a": "good.work"}, set())
    after = os.dup(0)
    os.close(before)
    os.close(after)

    assert after == before + 1


@pytest.mark.skipif(not CAN_LIMIT_MEMORY, reason="only Linux limits the memory of a process")
def test_what_the_modules_of_child_processes_take_is_measured_without_the_others(project):
    (project / "large.py").write_text(f"HELD = bytearray(100 << 20)\n{HANDLERS}")
    dotted = {"a": "good.work", "b": "large.work"}

    alone = import_handlers(project, dotted, {"a"}).least_memory_limit
    both = import_handlers(project, dotted, {"a", "b"}).least_memory_limit

    assert ROOM < alone < 100 << 20
    assert both - alone >= 100 << 20


def test_nothing_is_said_of_memory_where_a_module_of_child_processes_is_broken(project):
    (project / "broken.py").write_text("import a_module_that_is_not_there\n")

    assert import_handlers(project, {"a": "broken.work"}, {"a"}).least_memory_limit is None
