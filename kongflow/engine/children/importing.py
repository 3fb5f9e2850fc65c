"""Importing handlers as the server of children does, in a process that may die of it: for `validate --import`."""

from __future__ import annotations

import gc
import json
import os
import pickle
import selectors
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from kongflow.config.binding import Binder
from kongflow.config.exceptions import ExceptionProblem, exception_problem
from kongflow.config.handler_path import BadHandler, HandlerFault, HandlerPath, HandlerProblem
from kongflow.config.handlers import HandlerSignature
from kongflow.config.importing import Imported, signature_of
from kongflow.engine.children import server  # noqa: F401  so that the process takes as much memory as the server
from kongflow.engine.children.limits import data_size, least_limit
from kongflow.engine.death import signal_name

PATIENCE = 60.0
"""Seconds that importing one module may take."""
PATIENCE_TO_START = 60.0
"""Seconds until the first module is begun: on a busy machine, Python and our own modules take some."""
CHUNK = 65_536
_PREFIX = 4
_PROGRAM = """\
import json, sys
asked = json.load(sys.stdin)
sys.path[:] = asked["path"]
from kongflow.engine.children.importing import serve
serve(asked, int(sys.argv[1]))
"""


def import_handlers(
    root: Path, dotted: Mapping[str, str], in_children: Collection[str], errors: Collection[str] = ()
) -> Imported:
    """Import handlers in a process of their own; a module that ends it is a problem of its own handlers only. Then the
    modules of `errors`, the names in retry policies: what is wrong with those.
    """
    handlers: dict[str, HandlerSignature | HandlerProblem] = {}
    judged: dict[str, ExceptionProblem | None] = {}
    memory: int | None = None
    while left := {name: path for name, path in dotted.items() if name not in handlers}:
        began = next(iter(left))
        with _Process(root, left, in_children, errors) as process:
            for word, about in process.told():
                if word == "begins":
                    began = about
                elif word == "found":
                    handlers |= about
                elif word == "judged":
                    judged |= about
                else:
                    memory = about
        if any(name not in handlers for name in left):
            handlers |= _blamed(began, left, process.how_it_ended())
    known = all(isinstance(handlers.get(name), HandlerSignature) for name in in_children)
    return Imported(handlers, least_limit(memory) if known and memory is not None else None, judged)


def _blamed(began: str, left: Mapping[str, str], ended: str) -> dict[str, HandlerProblem]:
    """Return the problem of a module that ended its process, for every task whose handler stands in it."""
    path = HandlerPath.parse(left[began])
    problem = HandlerProblem(HandlerFault.IMPORT, f"importing it {ended}", *path.module_span)
    return {name: problem for name, other in left.items() if other.startswith((f"{path.module}.", f"{path.module}:"))}


class _Process:
    """One process that imports; whoever leaves the block ends it."""

    def __init__(
        self, root: Path, dotted: Mapping[str, str], in_children: Collection[str], errors: Collection[str]
    ) -> None:
        self._line, write_end = os.pipe()
        self._is_late = False
        try:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter, our own program
                [sys.executable, "-c", _PROGRAM, str(write_end)], stdin=subprocess.PIPE, pass_fds=[write_end]
            )
        finally:
            os.close(write_end)
        asked = {
            "path": sys.path,
            "root": str(root),
            "in_children": {name: path for name, path in dotted.items() if name in in_children},
            "others": {name: path for name, path in dotted.items() if name not in in_children},
            "errors": sorted(errors),
        }
        assert self._process.stdin is not None
        with self._process.stdin as stdin:
            stdin.write(json.dumps(asked).encode())

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        os.close(self._line)
        if self._is_late or error is not None:
            self._process.kill()
        self._process.wait()

    def told(self) -> Iterator[tuple[str, Any]]:
        """Yield what the process says, until that was all, it has ended, or it says nothing for too long."""
        text, patience = b"", PATIENCE_TO_START
        while chunk := self._heard(patience):
            text, patience = text + chunk, PATIENCE
            while len(text) >= _PREFIX and len(text) >= (end := _PREFIX + int.from_bytes(text[:_PREFIX], "big")):
                word, about = pickle.loads(text[_PREFIX:end])  # noqa: S301  this very version has written it
                if word == "ends":  # the line may stay open: a process that a module left behind has it too
                    return
                yield word, about
                text = text[end:]

    def _heard(self, patience: float) -> bytes:
        with selectors.DefaultSelector() as selector:
            selector.register(self._line, selectors.EVENT_READ)
            self._is_late = not selector.select(patience)
        return b"" if self._is_late else os.read(self._line, CHUNK)

    def how_it_ended(self) -> str:
        """Say how, once it has: what the module that was being imported did."""
        if self._is_late:
            return f"has not come to an end in {PATIENCE:.0f} s"
        code = self._process.returncode
        if code < 0:
            return f"killed the process: {signal_name(-code)}"
        return f"ended the process, with exit code {code}"


# --- the side of the process -----------------------------------------------------------------------------------------


def serve(asked: Mapping[str, Any], line: int) -> NoReturn:
    """Import what was asked for and tell of each handler; of those of child processes what they take; and of errors."""
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    binder = Binder(Path(asked["root"]))
    _bind_all(binder, asked["in_children"], line)
    gc.collect()
    _tell(line, "memory", data_size())
    _bind_all(binder, asked["others"], line)
    for name in asked["errors"]:
        _tell(line, "judged", {name: exception_problem(Path(asked["root"]), name, imports=True)})
    _tell(line, "ends", None)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(0)  # whatever threads a module has started


def _bind_all(binder: Binder, dotted: Mapping[str, str], line: int) -> None:
    for name, path in dotted.items():
        _tell(line, "begins", name)
        found: HandlerSignature | HandlerProblem
        try:
            found = signature_of(binder.bind(path))
        except BadHandler as error:
            found = error.problem
        _tell(line, "found", {name: found})


def _tell(line: int, word: str, about: object) -> None:
    data = pickle.dumps((word, about))
    data = len(data).to_bytes(_PREFIX, "big") + data
    while data:
        data = data[os.write(line, data) :]
