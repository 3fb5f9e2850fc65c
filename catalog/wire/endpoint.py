"""A call of an endpoint: POST with an action, as Trigger.dev's server makes it.

The API key travels in a header and stands in no message, log line or traceback of ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.wire.request import Answer, Limits, NoAnswer, send

USER_AGENT = "triggerdotdev-server/2.0.0"
PROTOCOL_VERSION = "2023-09-29"
"""What endpoints of this protocol expect from a server, and answer with in `Trigger-Version`."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Target:
    """Who is called. `private`: loopback and private networks may be called too, for an endpoint in development."""

    url: str
    private: bool
    api_key: str = field(repr=False)


async def call(
    target: Target,
    action: str,
    body: Any = None,
    *,
    headers: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> Answer:
    """Call an endpoint, with a JSON body where there is one, and return its answer. Raises: NoAnswer."""
    if not (target.api_key.isascii() and target.api_key.isprintable() and target.api_key.strip()):
        raise NoAnswer("the API key of the environment is empty, or holds characters that no HTTP header can carry")
    sent = {
        **(headers or {}),
        "x-trigger-api-key": target.api_key,
        "x-trigger-action": action,
        "x-trigger-version": PROTOCOL_VERSION,
        "user-agent": USER_AGENT,
        "accept": "application/json",
    }
    content = None
    if body is not None:
        sent["content-type"] = "application/json"
        content = json.dumps(body).encode()
    return await send("POST", target.url, headers=sent, body=content, limits=limits, private=target.private)


def message_of(answer: Answer, target: Target) -> str | None:
    """Return the `message` of an answer's body, in one printable line, without the key should it be quoted there."""
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    message = value.get("message") if isinstance(value, dict) else None
    return printable(message, target) or None if isinstance(message, str) else None


def printable(text: str, target: Target) -> str:
    """Return an endpoint's words as one line of at most 500 characters, without the key."""
    return _UNPRINTABLE.sub(" ", text.replace(target.api_key, "***")).strip()[:500]
