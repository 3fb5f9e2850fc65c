"""Ask an endpoint for its index, and say in words what went wrong."""

from __future__ import annotations

from typing import Any

import httpx

from catalog.wire.endpoint import Target, call, message_of
from catalog.wire.request import InvalidJson, Limits, NoAnswer, Unreachable, printable_url


class EndpointError(Exception):
    """The endpoint did not give an index; the text says what happened. It may do so later."""


async def request_index(target: Target, limits: Limits | None = None) -> Any:
    """Return the index of an endpoint. Raises: EndpointError."""
    shown = printable_url(target.url)
    try:
        answer = await call(target, "INDEX_ENDPOINT", limits=limits)
    except Unreachable as problem:
        raise EndpointError(f"Could not connect to endpoint {shown}") from problem
    except NoAnswer as problem:
        raise EndpointError(f"Endpoint {problem}") from problem
    if answer.status == httpx.codes.UNAUTHORIZED:
        raise EndpointError(message_of(answer, target) or "Trigger API key is invalid")
    if not answer.is_success:
        raise EndpointError(f"Could not connect to endpoint {shown}. Status code: {answer.status}")
    try:
        return answer.json()
    except InvalidJson as problem:
        raise EndpointError(f"Endpoint {shown} answered with {problem}") from None
