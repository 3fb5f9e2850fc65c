"""ForkServer: the runner's side of the process that children are forked from."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kongflow.errors import KongFlowError

CHUNK = 65_536
ALL = 0
"""Stands for every child: they end with their server."""
# No module of the user's is touched before `serve`: neither his __main__, as with multiprocessing's own server, nor
# anything that the current folder would shadow.
_PROGRAM = """\
import json, sys
config = json.load(sys.stdin)
sys.path[:] = config["path"]
from kongflow.engine.children.server import serve
serve(config, int(sys.argv[1]))
"""


@dataclass(frozen=True, slots=True)
class Fork:
    """A child that was forked: its process, the runner's end of the line to it, and where its stacks come out."""

    pid: int
    channel: socket.socket
    trace: int


class ForkServer:
    """One server process, for one event loop; `start` first, `close` last.

    `died` hears which child, or ALL, has ended, and how: its exit code, or minus the number of a signal.
    """

    def __init__(self, config: Mapping[str, Any], died: Callable[[int, int], None]) -> None:
        self._config = config
        self._died = died
        self._loop = asyncio.get_running_loop()
        self._text = b""
        self._forking: dict[int, asyncio.Future[int]] = {}
        self._forked = 0
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: asyncio.Future[dict[str, Any]] = self._loop.create_future()

    async def start(self) -> dict[str, Any]:
        """Start the process; return what it says of itself when it has imported the handlers. Raises: KongFlowError."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = _spawn(self._config, theirs)
        ours.setblocking(False)
        self._control = ours
        self._loop.add_reader(ours, self._hear)
        return await self._ready

    @property
    def is_running(self) -> bool:
        """False before the start, and when the process has ended."""
        return self._control is not None

    async def fork(self) -> Fork:
        """Fork a child. Raises: KongFlowError where the system gives no process."""
        if self._control is None:
            raise KongFlowError("the fork server has ended")
        self._forked += 1
        forking = self._forking[self._forked] = self._loop.create_future()
        ours, theirs = socket.socketpair()
        trace, write_end = os.pipe()
        try:
            self._send({"fork": self._forked}, [theirs.fileno(), write_end])
            pid = await forking
        except BaseException:
            ours.close()
            os.close(trace)
            raise
        finally:
            theirs.close()
            os.close(write_end)
        ours.setblocking(False)
        os.set_blocking(trace, False)
        return Fork(pid, ours, trace)

    def signal(self, pid: int, number: int) -> None:
        """Signal a child, if it has not ended; SIGKILL ends with it whatever it has started."""
        if self._control is not None:
            self._send({"signal": number, "pid": pid})

    async def close(self) -> None:
        """End the server and every child."""
        self._hang_up("it was closed")
        if self._process is not None:
            await asyncio.to_thread(_reap, self._process)

    def _send(self, message: Mapping[str, Any], passed: list[int] | None = None) -> None:
        assert self._control is not None
        try:
            # A few bytes to a process that only waits for them: there is always room.
            socket.send_fds(self._control, [json.dumps(message).encode() + b"\n"], passed or [])
        except OSError as error:
            self._hang_up(str(error))

    def _hear(self) -> None:
        assert self._control is not None
        try:
            text = self._control.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            text = b""
        if not text:
            self._hang_up("its process has ended")
            return
        *lines, self._text = (self._text + text).split(b"\n")
        for line in lines:
            self._told(json.loads(line))

    def _told(self, message: dict[str, Any]) -> None:
        if "died" in message:
            self._died(message["died"], message["code"])
        elif "ready" in message:
            self._ready.set_result(message)
        else:
            forking = self._forking.pop(message["fork"], None)
            if forking is None or forking.done():
                return
            if "pid" in message:
                forking.set_result(message["pid"])
            else:
                forking.set_exception(KongFlowError(f"the system gives no child process: {message['error']}"))

    def _hang_up(self, why: str) -> None:
        """The server is gone, and every child with it."""
        control, self._control = self._control, None
        if control is None:
            return
        self._loop.remove_reader(control)
        control.close()
        error = KongFlowError(f"the fork server has gone: {why}")
        waits: list[asyncio.Future[Any]] = [self._ready, *self._forking.values()]
        for waiting in waits:
            if not waiting.done():
                waiting.set_exception(error)
                waiting.exception()  # nobody may be waiting any more
        self._forking.clear()
        self._died(ALL, -signal.SIGKILL)


def _spawn(config: Mapping[str, Any], control: socket.socket) -> subprocess.Popen[bytes]:
    """Start the process and give it its configuration, which holds secrets: so neither by argument nor environment."""
    process = subprocess.Popen(  # noqa: S603  our own interpreter, our own program
        [sys.executable, "-c", _PROGRAM, str(control.fileno())],
        stdin=subprocess.PIPE,
        pass_fds=[control.fileno()],
        start_new_session=True,  # Ctrl-C in a terminal is for the runner alone
    )
    assert process.stdin is not None
    with process.stdin:
        process.stdin.write(json.dumps(config).encode())
    return process


def _reap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=2.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
