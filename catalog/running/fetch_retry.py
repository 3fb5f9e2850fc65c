"""When a fetch that failed is made again: by rules for ranges of statuses, as the job names them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from random import random
from typing import Any

from catalog.eventing.filters import InvalidFilter, matches
from catalog.wire.times import EPOCH, read_time

DEFAULTS = {"limit": 5, "factor": 1.8, "minTimeoutInMs": 1000, "maxTimeoutInMs": 60_000, "randomize": True}
"""Of the strategy `backoff`, as in the SDK."""

MAX_ATTEMPTS = 100
"""Of a request, whatever its rules say: it may be meant for a third party."""

LATEST = timedelta(days=30)
"""No header of an answer puts a retry off for longer."""

SHORTEST_DELAY = 100
"""Milliseconds."""

MAX_JITTER = timedelta(seconds=5)
"""Spread over which those come back whom a header has sent away until the same time."""

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")


def retry_at(
    rules: Mapping[str, Any], status: int, headers: Mapping[str, str], body: Any, attempts: int, at: datetime
) -> datetime | None:
    """Return when to try again after an answer to the last of so many attempts, or None. The first rule that holds for
    the status counts. `headers` are in lower case.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    for statuses, rule in rules.items():
        if in_range(status, statuses) and _body_holds(rule.get("bodyFilter"), body):
            if rule["strategy"] == "backoff":
                return backoff_at(rule, attempts, at)
            return reset_at(rule, headers, at)
    return None


def in_range(status: int, statuses: str) -> bool:
    """Say whether a status is among these: `all`, `429`, `401,403`, `500-599`, `5xx`, `50x`."""
    if statuses.strip() == "all":
        return True
    return any(_in_one(status, each.strip()) for each in statuses.split(","))


def backoff_at(rule: Mapping[str, Any], attempts: int, at: datetime) -> datetime | None:
    """Return when the next attempt is due, or None where there were enough: `limit` is all of them."""
    said = {**DEFAULTS, **{name: value for name, value in rule.items() if value is not None}}
    if attempts >= min(said["limit"], MAX_ATTEMPTS):
        return None
    try:
        delay = max(said["minTimeoutInMs"], 1) * said["factor"] ** max(attempts - 2, 0)
    except OverflowError:
        delay = said["maxTimeoutInMs"]
    delay = min(
        delay * (1 + random() if said["randomize"] else 1), said["maxTimeoutInMs"], LATEST.total_seconds() * 1000
    )
    return at + timedelta(milliseconds=max(delay, SHORTEST_DELAY))


def reset_at(rule: Mapping[str, Any], headers: Mapping[str, str], at: datetime) -> datetime | None:
    """Return when an answer's own headers allow another attempt, or None where they do not say, or say that some are
    left.
    """
    if headers.get(rule.get("remainingHeader", "").lower(), "0").strip() != "0":
        return None
    reset = headers.get(rule["resetHeader"].lower())
    due = reset and _read_reset(reset.strip(), rule.get("resetFormat", "unix_timestamp"), at)
    if not due:
        return None
    return min(max(due, at), at + LATEST) + MAX_JITTER * random()


def _in_one(status: int, statuses: str) -> bool:
    if bounds := re.fullmatch(r"(\d{3})\s*-\s*(\d{3})", statuses):
        return int(bounds[1]) <= status <= int(bounds[2])
    return bool(re.fullmatch(r"\d{1,3}x{0,2}", statuses)) and bool(
        re.fullmatch(statuses.replace("x", r"\d"), str(status))
    )


def _body_holds(filter: Any, body: Any) -> bool:
    if filter is None:
        return True
    try:
        return matches(filter, body)
    except InvalidFilter:
        return False


def _read_reset(text: str, format: str, at: datetime) -> datetime | None:
    try:
        match format:
            case "unix_timestamp":
                return EPOCH + timedelta(seconds=float(text))
            case "unix_timestamp_in_ms":
                return EPOCH + timedelta(milliseconds=float(text))
            case "iso_8601":
                return read_time(text)
            case _:
                return at + _duration(text)
    except (ValueError, OverflowError):
        return None


def _duration(text: str) -> timedelta:
    """Read `1d2h3m4.5s6ms`, any part of it. Raises: ValueError, OverflowError."""
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise ValueError(text)
    days, hours, minutes, seconds, milliseconds = (float(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds)
