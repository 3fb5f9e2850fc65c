"""A call of the API: who makes it, what it says, and the transaction that it may write in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import ClientDisconnect, Request

from catalog.app.models.base import now
from catalog.app.work import Work, looking, transaction
from catalog.http_api.callers import Caller
from catalog.http_api.problems import Problem, not_found
from catalog.wire.body import InvalidJson, read_json
from catalog.wire.shape import first_error, problem_of
from catalog.wire.times import read_due, read_time
from kongflow import Job, KongFlow

MAX_BODY = 10 << 20
"""Bytes: an output of 3 MB as a text in JSON can be three times as long."""

MAX_STRANGERS_BODY = 1 << 20
"""Bytes, where no key is asked for."""

READ_TIMEOUT = 30.0
"""Seconds that the body of a request may take to come in."""

LOCK_TIMEOUT = "1s"
"""How long a call waits for a row of another transaction: SDKs come back by themselves, seven times."""

MAX_KEY = 512
"""Characters of a key that an index holds."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `body` has the shape that its route asks for."""

    flow: KongFlow
    request: Request
    caller: Caller
    turn: asyncio.Semaphore
    body: Any

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Work]:
        """Open the transaction of this call, when it is its turn among those of its environment."""
        async with self.turn, transaction(self.flow, lock_timeout=LOCK_TIMEOUT) as work:
            yield work

    @asynccontextmanager
    async def look(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction for a call that writes nothing, when it is its turn."""
        async with self.turn, looking(self.flow) as session:
            yield session

    async def dequeue(self, work: Work, key: str) -> Job | None:
        """Cancel the waiting job of a key in the transaction of this call."""
        return await self.flow.dequeue(key, connection=await work.session.connection())

    def path(self, name: str) -> str:
        """Return a part of the path. Raises: Problem where nothing can have this name."""
        value: str = self.request.path_params[name]
        if len(value) > MAX_KEY or "\0" in value or not value.isprintable():
            raise not_found("It was")
        return value

    def header(self, name: str) -> str:
        """Return a header, or nothing. Raises: Problem where no database could keep it."""
        value = self.request.headers.get(name, "").strip()
        if len(value) > MAX_KEY or (value and not value.isprintable()):
            raise Problem(400, f"Invalid header {name}: at most {MAX_KEY} printable characters")
        return value


@dataclass(frozen=True, slots=True)
class Versioned:
    """An answer in the form of a version of the protocol, which its header names."""

    version: str
    body: Any


async def read_body(request: Request, limit: int | None = None) -> bytes:
    """Return the body. Raises: Problem where it is larger than the limit, or too slow."""
    limit = MAX_BODY if limit is None else limit
    said = request.headers.get("content-length", "")
    body = bytearray()
    try:
        async with asyncio.timeout(READ_TIMEOUT):
            _check_size(int(said[:20]) if said.isdecimal() else 0, limit)
            async for chunk in request.stream():
                body += chunk
                _check_size(len(body), limit)
    except TimeoutError:
        raise Problem(408, "The body did not come to its end in time") from None
    except ClientDisconnect:
        raise Problem(400, "The body did not come to its end") from None
    return bytes(body)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise Problem(413, f"The body must be less than {limit >> 20} MB")


def parse(body: bytes, shape: str, refused: int) -> Any:
    """Return a JSON body that has a shape of bodies.schema.json. Raises: Problem of the status `refused`."""
    try:
        value = read_json(body)
    except InvalidJson as problem:
        raise Problem(refused, f"Invalid request body: {problem}") from None
    error = first_error(_validator(shape), value)
    if error is not None:
        raise Problem(refused, f"Invalid request body: {error.json_path}: {problem_of(error)}")
    return value


def instant(value: Any, place: str, refused: int) -> datetime | None:
    """Return a time of a body, or None where there is none. Raises: Problem of the status `refused`."""
    return _instant(lambda: read_time(value), value, place, refused)


def due(value: Any, place: str, refused: int) -> datetime | None:
    """As `instant`, for a time at which something is to happen: within a century, as jobs must be."""
    return _instant(lambda: read_due(value, now()), value, place, refused)


def _instant(read: Callable[[], datetime], value: Any, place: str, refused: int) -> datetime | None:
    if value is None:
        return None
    try:
        return read()
    except ValueError as problem:
        raise Problem(refused, f"Invalid request body: {place}: {problem}") from None


@cache
def _validator(shape: str) -> Draft202012Validator:
    schema = json.loads((Path(__file__).parent / "bodies.schema.json").read_text())
    return Draft202012Validator({"$ref": f"#/$defs/{shape}", "$defs": schema["$defs"]})
