"""Finding a handler by reading: nothing of the user's code runs."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from kongflow.config.handler_path import HandlerFault, HandlerProblem
from kongflow.config.handlers import HandlerSignature, find_handler

EXPLODES = "raise RuntimeError('this line must never run')\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(
        tmp_path,
        "jobs/runs.py",
        """
        import missing_driver
        from functools import partial

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
        else:
            branched = None
        try:
            from .fast import quick
        except ImportError:
            def quick(payload): ...
        """,
    )
    write(tmp_path, "jobs/__init__.py", EXPLODES)
    write(tmp_path, "jobs/fast.py", EXPLODES)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dedent(text), encoding="utf-8")


def signature(root: Path, dotted: str) -> HandlerSignature:
    found = find_handler(root, dotted)
    assert isinstance(found, HandlerSignature), found
    return found


def problem(root: Path, dotted: str) -> HandlerProblem:
    found = find_handler(root, dotted)
    assert isinstance(found, HandlerProblem), found
    return found


# --- what is found ---------------------------------------------------------------------------------------------------


def test_a_handler_is_found_with_its_place_and_signature(project: Path) -> None:
    assert signature(project, "jobs.runs.start") == HandlerSignature(
        file=project / "jobs" / "runs.py",
        line=5,
        is_async=True,
        takes_context=True,
        parameters=("payload", "job"),
        payload_annotation="dict[str, int]",
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
        ("jobs.runs.quick", False, False),
        ("jobs.runs:Mail.send", True, True),
        ("jobs.runs:Mail.build", False, False),
    ],
)
def test_functions_of_every_kind_are_found(project: Path, dotted: str, is_async: bool, takes_context: bool) -> None:
    found = signature(project, dotted)
    if dotted == "jobs.runs.branched":
        assert found.is_async is None  # the last one wins: an assignment of None in the other branch
        return
    assert (found.is_async, found.takes_context) == (is_async, takes_context)


@pytest.mark.parametrize("dotted", ["jobs.runs.bound", "jobs.runs.decorated", "jobs.runs:Child.send", "jobs.runs:Mail.size"])
def test_what_only_importing_could_tell_is_no_finding(project: Path, dotted: str) -> None:
    found = signature(project, dotted)
    assert (found.is_async, found.takes_context, found.parameters) == (None, None, None)
