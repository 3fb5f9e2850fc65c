"""Real servers on loopback: an endpoint that answers what a test tells it to, and an SMTP server."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from ssl import SSLContext
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.engine.waiting import until


@dataclass
class Answer:
    """What the endpoint says; headers win over its own. `hangs`: it does not come to an end, and without a body
    not to a beginning.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False


@dataclass
class HttpEndpoint:
    """`answer` is what it says, after what `script` holds; `meanwhile` happens between a request and its answer."""

    url: str = ""
    answer: Answer = field(default_factory=Answer)
    script: list[Answer] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[object]] | None = None
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    answering: set[asyncio.Task[Any]] = field(default_factory=set)

    def says(self, value: Any, status: int = 200) -> None:
        self.answer = Answer(status, json.dumps(value).encode())

    def says_first(self, *values: Any) -> None:
        """Say these in turn, and then what it says otherwise."""
        self.script += [Answer(200, json.dumps(value).encode()) for value in values]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.answering.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) if ": " in line else (line, "") for line in head[1:] if line)
            self.requests.append((head[0], {name: value.strip() for name, value in headers.items()}))
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.bodies.append(json.loads(body) if body else None)
            if self.meanwhile is not None:
                await self.meanwhile()
            answer = self.script.pop(0) if self.script else self.answer
            if answer.body or not answer.hangs:
                own = {"content-length": len(answer.body), "connection": "close"}
                lines = [f"{name}: {value}\r\n" for name, value in {**own, **answer.headers}.items()]
                head_out = f"HTTP/1.1 {answer.status} Status\r\n{''.join(lines)}\r\n"
                writer.write(head_out.encode() + answer.body)
                await writer.drain()
            if answer.hangs:
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the caller has heard enough, or has gone before he said anything
        finally:
            self.answering.discard(task)
            writer.close()


class Door(socket.socket):
    """A listening socket of loopback that remembers every connection it has taken."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[socket.socket] = []
        self.bind(("127.0.0.1", 0))

    @property
    def port(self) -> int:
        port: int = self.getsockname()[1]
        return port

    def accept(self) -> tuple[socket.socket, Any]:
        connection, address = super().accept()
        self.taken.append(connection)
        return connection, address


@asynccontextmanager
async def serving(protocol: Callable[[], asyncio.Protocol], ssl: SSLContext | None = None) -> AsyncIterator[Door]:
    """Serve on a door, and leave no connection open."""
    loop, door = asyncio.get_running_loop(), Door()
    server = await loop.create_server(protocol, sock=door, ssl=ssl)
    try:
        yield door
    finally:
        # A server that is closed forgets a connection that it has taken and not yet handed to its protocol. It does so
        # in the next turn of the loop: after that there is none, as no new one is taken.
        loop.remove_reader(door)
        await asyncio.sleep(0)
        server.close()
        for connection in door.taken:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        await until(lambda: all(connection.fileno() == -1 for connection in door.taken))


@asynccontextmanager
async def http_endpoint(ssl: SSLContext | None = None) -> AsyncIterator[HttpEndpoint]:
    loop, endpoint = asyncio.get_running_loop(), HttpEndpoint()

    def protocol() -> asyncio.Protocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), endpoint.serve, loop)

    async with serving(protocol, ssl) as door:
        endpoint.url = f"http{'s' if ssl else ''}://127.0.0.1:{door.port}/api/trigger"
        try:
            yield endpoint
        finally:
            for task in list(endpoint.answering):
                task.cancel()  # one may wait for what comes no more


async def closed_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with Door() as door:
        return door.port


@dataclass
class Mailbox:
    """An SMTP server's handler; `recipient_reply` and `data_reply` are what it says to RCPT and to the message."""

    port: int = 0
    recipient_reply: str = "250 OK"
    data_reply: str = "250 Message accepted"
    messages: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str | None, list[str]]] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802  # the name that aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.recipient_reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient_reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data_reply.startswith("250"):
            assert isinstance(envelope.content, bytes)
            message = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.messages.append(message)
            self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return self.data_reply


@asynccontextmanager
async def smtp_server(**options: Any) -> AsyncIterator[Mailbox]:
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()
    async with serving(lambda: SMTP(mailbox, loop=loop, **options)) as door:
        mailbox.port = door.port
        yield mailbox
