"""A fetch that a run asks for: its parameters read, the request made. Nothing is written here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from catalog.wire.endpoint import USER_AGENT
from catalog.wire.request import Answer, Limits, send
from catalog.wire.shape import first_error, problem_of

MAX_BYTES = 3 << 20
"""Of an answer, as of every output of a task."""

NOT_THE_CALLERS = frozenset(
    (
        *("accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "te", "trailer"),
        *("transfer-encoding", "upgrade", "via"),
    )
)
"""Headers that say how a request travels, not what it asks; like a browser, we leave out what is said of them."""


class InvalidFetch(ValueError):
    """The parameters are none of a fetch; the text says where."""


def check_fetch(params: Any) -> Mapping[str, Any]:
    """Return the parameters, which have the shape of a fetch's. Raises: InvalidFetch."""
    error = first_error(_validator(), params)
    if error is not None:
        raise InvalidFetch(f"Invalid fetch operation: {error.json_path}: {problem_of(error)}")
    return dict(params)


async def fetch(params: Mapping[str, Any], *, private: bool) -> Answer:
    """Make the request. `private`: loopback and private networks may be called too. Raises: NoAnswer."""
    init = params.get("requestInit") or {}
    body = init.get("body")
    return await send(
        init.get("method", "GET").upper(),
        params["url"],
        headers=_headers(init.get("headers") or {}),
        body=None if body is None else body.encode(),
        limits=Limits(timeout=time_limit(params), max_bytes=MAX_BYTES),
        private=private,
    )


def time_limit(params: Mapping[str, Any]) -> float:
    """Return the seconds that the answer may take: two minutes, or what is said, from one second to five minutes."""
    said = (params.get("timeout") or {}).get("durationInMs", 120_000)
    return float(min(max(said, 1_000), 300_000)) / 1000


def _headers(said: Mapping[str, Any]) -> dict[str, str]:
    sent = {"user-agent": USER_AGENT}
    for name, value in said.items():
        if name.lower() not in NOT_THE_CALLERS:
            sent[name.lower()] = (value if isinstance(value, str) else _joined(value)).strip()
    return sent


def _joined(redacted: Mapping[str, list[str]]) -> str:
    pieces = zip_longest(redacted["strings"], redacted["interpolations"], fillvalue="")
    return "".join(chain.from_iterable(pieces))


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads((Path(__file__).parent / "fetch.schema.json").read_text()))
