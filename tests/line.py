"""A line to a PostgreSQL server that tests can listen in on, cut silently, and let forget: what stands in between."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode

from psycopg.conninfo import conninfo_to_dict

_DISCARD = b"discard all\0"
_READY = b"Z\0\0\0\5I"


@dataclass
class Call:
    """One connection of a client: what he sent, and whether anything still goes through."""

    client: socket.socket
    server: socket.socket
    sent: bytearray = field(default_factory=bytearray)
    silent: bool = False

    @property
    def startup(self) -> dict[str, str]:
        """The parameters with which the client asked for his session."""
        (length,) = struct.unpack_from("!i", self.sent)
        texts = bytes(self.sent[8:length]).rstrip(b"\0").decode().split("\0")
        return dict(zip(texts[::2], texts[1::2], strict=True))

    @property
    def statements(self) -> list[tuple[str, str]]:
        """Every statement that he sent, each with the name under which the server was to prepare it."""
        (at,) = struct.unpack_from("!i", self.sent)
        found = []
        while at + 5 <= len(self.sent):
            kind, (length,) = bytes(self.sent[at : at + 1]), struct.unpack_from("!i", self.sent, at + 1)
            body = bytes(self.sent[at + 5 : at + 1 + length])
            if kind == b"Q":
                found.append(("", body[:-1].decode()))
            elif kind == b"P":
                name, statement, _ = body.split(b"\0", 2)
                found.append((name.decode(), statement.decode()))
            at += 1 + length
        return found


class Line:
    """Takes connections for a server, given by its connection string. `forgets`: at the end of every transaction the
    session loses whatever a session may keep, as if a pooler had given the next one to somebody else.
    """

    def __init__(self, dsn: str, *, forgets: bool = False, drops_options: bool = False) -> None:
        self._parts = conninfo_to_dict(dsn)
        self._forgets = forgets
        self._drops_options = drops_options
        self._is_cut = False
        self._door = socket.create_server(("127.0.0.1", 0))
        self._taking = threading.Thread(target=self._take_calls, daemon=True)
        self.calls: list[Call] = []

    def url(self, database: str) -> str:
        """The URL of a database at the other end."""
        user, password = self._parts.get("user") or "", self._parts.get("password")
        login = f"{user}:{password}@" if password else f"{user}@" if user else ""
        plain = urlencode({"sslmode": "disable", "gssencmode": "disable"})
        return f"postgresql://{login}127.0.0.1:{self._door.getsockname()[1]}/{database}?{plain}"

    def fall_silent(self) -> None:
        """Let nothing through any more on the connections of now; nobody is told."""
        for call in self.calls:
            call.silent = True

    def cut(self) -> None:
        """Let nothing through any more, on new connections neither, until `mend`. They are taken, and hear nothing."""
        self._is_cut = True
        self.fall_silent()

    def mend(self) -> None:
        """Let new connections through."""
        self._is_cut = False

    def start(self) -> None:
        self._taking.start()

    def stop(self) -> None:
        """Close every connection: those of calls that come just now, too."""
        self._door.shutdown(socket.SHUT_RDWR)
        self._taking.join()
        for each in (self._door, *(end for call in self.calls for end in (call.client, call.server))):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _take_calls(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return  # stopped
            try:
                server = self._call_server()
            except OSError:
                client.close()  # the server is away, and the client hears that
                continue
            call = Call(client, server, silent=self._is_cut)
            self.calls.append(call)
            threading.Thread(target=self._carry_over, args=(call,), daemon=True).start()
            threading.Thread(target=self._carry_back, args=(call,), daemon=True).start()

    def _call_server(self) -> socket.socket:
        host, port = str(self._parts.get("host") or "127.0.0.1"), self._parts.get("port") or 5432
        if not host.startswith("/"):
            return socket.create_connection((host, int(port)))
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(f"{host}/.s.PGSQL.{port}")
        except OSError:
            server.close()
            raise
        return server

    def _carry_over(self, call: Call) -> None:
        with suppress(OSError):
            while data := call.client.recv(65_536):
                first = not call.sent
                call.sent += data
                if not call.silent:
                    call.server.sendall(_without_options(data) if first and self._drops_options else data)
            call.server.shutdown(socket.SHUT_RDWR)

    def _carry_back(self, call: Call) -> None:
        with suppress(OSError):
            while data := call.server.recv(65_536):
                if call.silent:
                    continue
                if self._forgets and data.endswith(_READY):
                    # The client hears that he may go on when the session has forgotten him.
                    call.client.sendall(data[: -len(_READY)])
                    call.server.sendall(b"Q" + struct.pack("!i", 4 + len(_DISCARD)) + _DISCARD)
                    answer = b""
                    while not answer.endswith(_READY):
                        answer += call.server.recv(65_536)
                    data = _READY
                call.client.sendall(data)
            if not call.silent:
                call.client.shutdown(socket.SHUT_RDWR)


@contextmanager
def line_to(dsn: str, *, forgets: bool = False, drops_options: bool = False) -> Iterator[Line]:
    """Yield a line to a server."""
    line = Line(dsn, forgets=forgets, drops_options=drops_options)
    line.start()
    try:
        yield line
    finally:
        line.stop()


def _without_options(startup: bytes) -> bytes:
    """Return the first packet of a client as a pooler that ignores options passes it on."""
    texts = startup[8:].rstrip(b"\0").split(b"\0")
    kept = [pair for pair in zip(texts[::2], texts[1::2], strict=True) if pair[0] != b"options"]
    body = startup[4:8] + b"".join(name + b"\0" + value + b"\0" for name, value in kept) + b"\0"
    return struct.pack("!i", 4 + len(body)) + body
