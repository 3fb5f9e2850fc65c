"""A request to an address that a user has named, within limits of time and size."""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

import httpx

from catalog.wire.addresses import AddressRefused, Policy, resolve

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class NoAnswer(Exception):
    """Nothing that could be used came back; the text says what happened. It may be different later."""


class Unreachable(NoAnswer):
    """No connection came about, or it broke."""


class InvalidJson(ValueError):
    """A body is no JSON, or none that a database can keep."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an answer may take, in seconds from the first step to the last byte, and how many bytes it may have."""

    timeout: float = 60.0
    connect_timeout: float = 10.0
    max_bytes: int = 5 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the JSON. Raises: InvalidJson, also for what no database can keep: NaN, NUL, lone surrogates."""
        try:
            value = json.loads(self.body, parse_constant=_refuse_constant)
            storable = not _UNSTORABLE.search("".join(_strings(value)))
        except (ValueError, RecursionError):
            raise InvalidJson("invalid JSON") from None
        if not storable:
            raise InvalidJson("text that cannot be stored: a NUL or a lone surrogate")
        return value


async def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    limits: Limits | None = None,
    private: bool = False,
) -> Answer:
    """Send a request and return the answer, whatever its status. No redirect is followed, no proxy used.

    `private`: loopback and private networks may be called too. Raises: NoAnswer.
    """
    limits = limits or Limits()
    try:
        async with asyncio.timeout(limits.timeout):
            policy = Policy.from_env(os.environ, private=private)
            request = await _addressed(httpx.Request(method, url, headers=dict(headers), content=body), policy)
            return await _exchange(url, request, limits)
    except TimeoutError:
        raise NoAnswer(f"{url} did not answer within {limits.timeout:g} s") from None
    except AddressRefused as refusal:
        raise NoAnswer(f"{url} may not be called: {refusal}") from None
    except (httpx.TransportError, httpx.InvalidURL, OSError, UnicodeError) as error:
        raise Unreachable(f"{url} cannot be reached: {error}") from error


async def _addressed(request: httpx.Request, policy: Policy) -> httpx.Request:
    """Point a request at the address that was checked; the certificate must still be that of the name.

    As httpx documents: https://www.python-httpx.org/advanced/extensions/#sni_hostname
    """
    host = request.url.host
    port = request.url.port or (443 if request.url.scheme == "https" else 80)
    address = await resolve(host, port, policy)
    request.url = request.url.copy_with(host=address)
    request.extensions = {**request.extensions, "sni_hostname": host}
    return request


async def _exchange(url: str, request: httpx.Request, limits: Limits) -> Answer:
    timeout = httpx.Timeout(limits.timeout, connect=limits.connect_timeout)
    request.extensions["timeout"] = timeout.as_dict()
    async with httpx.AsyncClient(verify=_trusted(), trust_env=False, follow_redirects=False) as client:
        response = await client.send(request, stream=True)
        try:
            body = bytearray()
            # As it comes: a compressed answer, which nobody has asked for, could be a thousand times as long.
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > limits.max_bytes:
                    raise NoAnswer(f"{url} answered with more than {limits.max_bytes:,} bytes")
            return Answer(response.status_code, dict(response.headers), bytes(body))
        finally:
            await response.aclose()


@cache
def _trusted() -> ssl.SSLContext:
    """Return the authorities that certificates may come from; reading them takes longer than a request."""
    return httpx.create_ssl_context(trust_env=False)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _strings(value: Any) -> list[str]:
    """Return every text of a JSON value, keys included."""
    found: list[str] = []
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict):
            found.extend(item)
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
    return found
