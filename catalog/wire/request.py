"""A request to an address that a user has named, within limits of time and size."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from catalog.wire.addresses import AddressRefused, Policy, resolve
from catalog.wire.body import InvalidJson, read_json

# It logs every URL whole, and queries are often secrets.
logging.getLogger("httpx").setLevel(logging.WARNING)

__all__ = ["Answer", "InvalidJson", "Limits", "NoAnswer", "Refused", "TimedOut", "Unreachable", "printable_url", "send"]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")
"""Printable ASCII, no line break, nothing around it."""


class NoAnswer(Exception):
    """Nothing that could be used came back; the text says what happened. It may be different later."""


class Unreachable(NoAnswer):
    """No connection came about, or it broke."""


class TimedOut(NoAnswer):
    """The answer did not come to its end in time."""


class Refused(NoAnswer):
    """The address may not be called; the text says where the name leads, which is not for everybody."""


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
        """Return the JSON. Raises: InvalidJson, as `read_json` says."""
        return read_json(self.body)


async def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    limits: Limits | None = None,
    private: bool = False,
) -> Answer:
    """Send a request and return the answer, whatever its status. No redirect is followed, no proxy used, no answer
    unpacked.

    `private`: loopback and private networks may be called too. Raises: NoAnswer.
    """
    limits = limits or Limits()
    shown = printable_url(url)
    check_headers(headers)
    if not _TOKEN.fullmatch(method):
        raise NoAnswer(f"{shown} cannot be called: the method is no word")
    try:
        async with asyncio.timeout(limits.timeout):
            sent = httpx.Headers({"accept-encoding": "identity"})
            sent.update(headers)
            request = httpx.Request(method, url, headers=sent, content=body)
            policy = Policy.from_env(os.environ, private=private)
            return await _exchange(shown, request, policy, limits)
    except TimeoutError:
        raise TimedOut(f"{shown} did not answer within {limits.timeout:g} s") from None
    except AddressRefused as refusal:
        raise Refused(f"{shown} may not be called: {refusal}") from None
    except (httpx.TransportError, httpx.InvalidURL, OSError, UnicodeError) as error:
        raise Unreachable(f"{shown} cannot be reached: {error}") from error


def printable_url(url: str) -> str:
    """Return a URL as messages may show it: without the password, query and fragment, which are often secrets."""
    start = re.split(r"[?#]", url, maxsplit=1)[0]
    return "".join(c if c.isprintable() else " " for c in re.sub(r"//[^/]*@", "//", start))[:300]


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise NoAnswer for a header that could not be sent as it is, or as more than one. Its value is not shown."""
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise NoAnswer("the name of a header is no word")
        if not _VALUE.fullmatch(value):
            raise NoAnswer(f"the header {name} holds characters that no HTTP header can carry")


async def _exchange(shown: str, request: httpx.Request, policy: Policy, limits: Limits) -> Answer:
    """Connect to the addresses of the host in turn, until one takes the request.

    The certificate must be that of the name: https://www.python-httpx.org/advanced/extensions/#sni_hostname
    """
    url = request.url
    # In ASCII, and without the dot that ends an absolute name: neither certificates nor SNI know it.
    name = url.raw_host.decode("ascii").removesuffix(".")
    if url.scheme not in ("http", "https") or not name:
        raise httpx.UnsupportedProtocol("it is no http or https URL")
    if url.userinfo:
        raise httpx.UnsupportedProtocol("it holds a password; a header is the place for one")
    timeout = httpx.Timeout(limits.timeout, connect=limits.connect_timeout)
    request.extensions = {**request.extensions, "sni_hostname": name, "timeout": timeout.as_dict()}
    failure: httpx.TransportError | None = None
    async with httpx.AsyncClient(verify=trusted(), trust_env=False, follow_redirects=False) as client:
        for address in await resolve(name, url.port or (443 if url.scheme == "https" else 80), policy):
            request.url = url.copy_with(host=address)
            try:
                response = await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
            else:
                return await _read(shown, response, limits)
    raise failure or httpx.ConnectError("it has no address")


async def _read(shown: str, response: httpx.Response, limits: Limits) -> Answer:
    try:
        body = bytearray()
        # As it comes: a compressed answer, which nobody has asked for, could be a thousand times as long.
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > limits.max_bytes:
                raise NoAnswer(f"{shown} answered with more than {limits.max_bytes:,} bytes")
        return Answer(response.status_code, dict(response.headers), bytes(body))
    finally:
        await response.aclose()


@cache
def trusted() -> ssl.SSLContext:
    """Return the authorities that certificates may come from; reading them takes longer than a request."""
    return httpx.create_ssl_context(trust_env=False)
