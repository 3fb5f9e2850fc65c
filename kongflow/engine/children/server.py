"""The fork server: a process with one thread that has imported the handlers and forks children of itself.

Started by `forkserver.py`. It must not run anything of a handler: whoever forks from it gets what it holds.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from kongflow.config.binding import try_bind
from kongflow.engine.children.limits import data_size, die_with_parent
from kongflow.engine.children.wire import Message
from kongflow.engine.children.work import Workshop, work
from kongflow.engine.wakeups import wakeups

CHUNK = 65_536


def serve(config: Message, control: int) -> NoReturn:
    """Import the handlers, say so, and fork until the runner hangs up; then end every child."""
    # Who stops the service may signal every process of it; when a child ends is for the runner to decide. A function
    # that does nothing is not passed on to programs that a handler starts, as SIG_IGN would be.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, _nothing)
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    handlers, problems = try_bind(Path(config["root"]), config["handlers"])
    workshop = Workshop(config, handlers, {name: problem.message for name, problem in problems.items()})
    gc.collect()
    gc.freeze()  # what is shared with the children is not touched by their collector, so it stays shared
    server = _Server(socket.socket(fileno=control), workshop)
    try:
        server.run()
    finally:
        os._exit(0)


class _Server:
    def __init__(self, control: socket.socket, workshop: Workshop) -> None:
        self._control = control
        self._workshop = workshop
        self._children: set[int] = set()
        self._text = b""
        self._passed: list[int] = []

    def run(self) -> None:
        """Do what the runner asks until it hangs up."""
        threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
        self._tell(ready=True, memory=data_size(), threads=threads)
        with wakeups() as woken, selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is woken:
                        woken.recv(CHUNK)
                    elif not self._hear():
                        self._end_all()
                        return
                self._bury()

    def _hear(self) -> bool:
        """Do what was asked; False where the runner is gone."""
        try:
            text, passed, _, _ = socket.recv_fds(self._control, CHUNK, 16)
        except ConnectionError:
            return False
        self._passed += passed
        *lines, self._text = (self._text + text).split(b"\n")
        for line in lines:
            asked = json.loads(line)
            if "signal" in asked:
                self._signal(asked["pid"], asked["signal"])
            else:
                self._fork(asked["fork"])
        return bool(text)

    def _fork(self, number: int) -> None:
        channel, trace = self._passed.pop(0), self._passed.pop(0)
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            self._tell(fork=number, error=str(error))
        else:
            if pid == 0:
                self._become_child(parent, channel, trace)
            self._children.add(pid)
            with suppress(OSError):  # the child does the same; whoever comes second finds it done
                os.setpgid(pid, pid)
            self._tell(fork=number, pid=pid)
        os.close(channel)
        os.close(trace)

    def _become_child(self, parent: int, channel: int, trace: int) -> NoReturn:
        code = 70
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            die_with_parent(parent)
            with suppress(OSError):
                os.setpgid(0, 0)
            work(self._workshop, socket.socket(fileno=channel), trace)
            code = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            with suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _signal(self, pid: int, number: int) -> None:
        """Signal a child and all that it has started. Asked of the server, which knows whose a number is."""
        if pid not in self._children:
            return
        try:
            os.killpg(pid, number) if number == signal.SIGKILL else os.kill(pid, number)
        except ProcessLookupError:
            pass

    def _bury(self) -> None:
        """Tell of the children that have ended, and end what they have left running."""
        for pid in tuple(self._children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._children.discard(pid)
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
                self._tell(died=pid, code=os.waitstatus_to_exitcode(status))

    def _end_all(self) -> None:
        for pid in self._children:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)

    def _tell(self, **values: object) -> None:
        with suppress(OSError):  # the runner is gone, and the next read says so
            self._control.sendall(json.dumps(values).encode() + b"\n")


def _nothing(number: int, frame: FrameType | None) -> Any:
    """Let a signal pass."""
