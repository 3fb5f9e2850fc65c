"""The wire: POST INDEX_ENDPOINT to an endpoint and return its JSON, within limits of time and size.

The API key travels in a header and stands in no message, log line or traceback of ours.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

import httpx

USER_AGENT = "triggerdotdev-server/2.0.0"
PROTOCOL_VERSION = "2023-09-29"
"""What endpoints of this protocol expect from a server, and answer with in `Trigger-Version`."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class EndpointError(Exception):
    """The endpoint did not give an index; the text says what happened. It may do so later."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an answer may take, in seconds from the first step to the last byte, and how many bytes it may have."""

    timeout: float = 60.0
    connect_timeout: float = 10.0
    max_bytes: int = 5 << 20


async def request_index(url: str, api_key: str, limits: Limits | None = None) -> Any:
    """Ask the endpoint at `url` for its index. No redirect is followed. Raises: EndpointError."""
    limits = limits or Limits()
    if not (api_key and api_key.isascii() and api_key.isprintable()):
        raise EndpointError(
            "The API key of the environment is empty, or holds characters that no HTTP header can carry"
        )
    try:
        async with asyncio.timeout(limits.timeout):
            status, body = await _post(url, api_key, limits)
    except TimeoutError:
        raise EndpointError(f"Endpoint {url} did not answer within {limits.timeout:g} s") from None
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise EndpointError(f"Could not connect to endpoint {url}") from error
    if status == httpx.codes.UNAUTHORIZED:
        raise EndpointError(_message_of(body, api_key) or "Trigger API key is invalid")
    if not httpx.codes.is_success(status):
        raise EndpointError(f"Could not connect to endpoint {url}. Status code: {status}")
    return _parse(url, body)


async def _post(url: str, api_key: str, limits: Limits) -> tuple[int, bytes]:
    headers = {
        "x-trigger-api-key": api_key,
        "x-trigger-action": "INDEX_ENDPOINT",
        "x-trigger-version": PROTOCOL_VERSION,
        "user-agent": USER_AGENT,
        "accept": "application/json",
        # A compressed answer could be a thousand times its size on the wire.
        "accept-encoding": "identity",
    }
    timeout = httpx.Timeout(limits.timeout, connect=limits.connect_timeout)
    async with (
        httpx.AsyncClient(timeout=timeout, follow_redirects=False) as client,
        client.stream("POST", url, headers=headers) as response,
    ):
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > limits.max_bytes:
                raise EndpointError(f"Endpoint {url} answered with more than {limits.max_bytes:,} bytes")
        return response.status_code, bytes(body)


def _message_of(body: bytes, api_key: str) -> str | None:
    """Return the `message` of an error's body, in one printable line, without the key should it be quoted there."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    message = value.get("message") if isinstance(value, dict) else None
    if not isinstance(message, str):
        return None
    return _UNPRINTABLE.sub(" ", message.replace(api_key, "***")).strip()[:500]


def _parse(url: str, body: bytes) -> Any:
    """Return the JSON, refusing what no database can keep: NaN, NUL, lone surrogates."""
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
        storable = not _UNSTORABLE.search("".join(_strings(value)))
    except (ValueError, RecursionError):
        raise EndpointError(f"Endpoint {url} answered with invalid JSON") from None
    if not storable:
        raise EndpointError(f"Endpoint {url} answered with text that cannot be stored: a NUL or a lone surrogate")
    return value


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
