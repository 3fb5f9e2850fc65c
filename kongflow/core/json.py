"""The one JSON codec: what may be stored, and how. The same limits hold on both stores.

Refused: NaN and infinities, NUL and lone surrogates (PostgreSQL's jsonb cannot hold them), integers beyond 64 bits,
keys that are not text, nesting deeper than 64, more than 1 MiB of UTF-8. Text from outside that must be kept whatever
it holds (an error message, say) is made storable by `printable`.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, TypeAlias

from kongflow.errors import InvalidPayload, PayloadTooLarge

Json: TypeAlias = Any
"""None, bool, int, float, str, list of Json or dict of str to Json."""

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def dump(value: Json, what: str = "payload") -> str:
    """Return the JSON text that is stored for `value`; `what` names it in the error.

    Raises: InvalidPayload, naming the JSON path of the first value that cannot be stored; PayloadTooLarge.
    """
    if not _is_plainly_storable(value, 0):
        _refuse_unstorable(value, what)
    text = _encode(value)
    size = len(text.encode())
    if size > MAX_BYTES:
        raise PayloadTooLarge(
            f"the {what} is {size:,} bytes of JSON; at most {MAX_BYTES:,} (1 MiB) are stored. "
            "Keep large data elsewhere and pass a reference to it"
        )
    return text


def load(text: str | bytes, what: str = "payload") -> Json:
    """Return the value of JSON text that a person or program wrote; duplicate keys and NaN are refused.

    Raises: InvalidPayload.
    """
    if not text.strip():
        raise InvalidPayload(f"the {what} is empty; an object without properties is {{}}")
    try:
        return json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except _Refused as refused:
        raise InvalidPayload(f"the {what} is not valid JSON: {refused}") from None
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise InvalidPayload(f"the {what} is not valid JSON: {reason}") from None


def canonical(value: Json) -> str:
    """Return the text whose equality means equality of the values: sorted keys, `1.0` written as `1`."""
    return json.dumps(_integral(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def printable(text: str, limit: int = 10_000) -> str:
    """Return `text` in a form that both stores hold: NUL and lone surrogates escaped, cut to `limit` characters."""
    if len(text) > limit:
        text = text[:limit] + f"… ({len(text) - limit:,} more characters)"
    return _UNSTORABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def path_of(parts: tuple[str | int, ...]) -> str:
    """Return the JSON path of a value, such as `$.items[3].id` or `$['odd key']`."""
    return "$" + "".join(_step(part) for part in parts)


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", part) else f"[{part!r}]"


def _is_plainly_storable(value: Json, depth: int) -> bool:
    """Say yes where everything is of JSON's own types and may be stored. It takes a third of the time of the walk
    that keeps paths, on every enqueue; what gets a no is looked at again by that one.
    """
    kind = type(value)
    if depth > MAX_DEPTH:
        return False
    if kind is str:
        return _UNSTORABLE.search(value) is None
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str or _UNSTORABLE.search(key) or not _is_plainly_storable(item, depth + 1):
                return False
        return True
    if kind is list:
        return all(_is_plainly_storable(item, depth + 1) for item in value)
    if kind is int:
        return bool(MIN_INTEGER <= value <= MAX_INTEGER)
    if kind is float:
        return math.isfinite(value)
    return value is None or kind is bool


def _refuse_unstorable(value: Json, what: str) -> None:
    """Walk without recursion, so that a value of any depth gets an answer."""
    pending: list[tuple[Json, tuple[str | int, ...]]] = [(value, ())]
    while pending:
        item, path = pending.pop()
        if len(path) > MAX_DEPTH:
            raise InvalidPayload(f"the {what} is nested deeper than {MAX_DEPTH} levels at {path_of(path[:4])}…")
        problem = _problem(item)
        if problem:
            raise InvalidPayload(
                f"the {what} cannot be stored: {path_of(path)} {problem}", (f"{path_of(path)}: {problem}",)
            )
        if isinstance(item, dict):
            pending.extend((child, (*path, key)) for key, child in item.items())
        elif isinstance(item, (list, tuple)):
            pending.extend((child, (*path, index)) for index, child in enumerate(item))


def _problem(item: Json) -> str | None:
    match item:
        case None | bool():
            return None
        case int():
            return None if MIN_INTEGER <= item <= MAX_INTEGER else "is an integer beyond 64 bits; pass it as text"
        case float():
            return None if math.isfinite(item) else f"is {item}, which JSON does not have"
        case str():
            return "holds a NUL or a lone surrogate" if _UNSTORABLE.search(item) else None
        case dict():
            odd = next((key for key in item if not isinstance(key, str) or _UNSTORABLE.search(key)), None)
            return None if odd is None else f"has the key {odd!r}; keys must be plain text"
        case list() | tuple():
            return None
    return f"is a {type(item).__name__}, which JSON does not have"


class _Refused(Exception):
    pass


def _unique_keys(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _Refused(f"the key {twice!r} stands twice in one object")
    return result


def _refuse_constant(name: str) -> Json:
    raise _Refused(f"{name} is not JSON")


def _integral(value: Json) -> Json:
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _integral(item) for key, item in value.items()}
        case list() | tuple():
            return [_integral(item) for item in value]
    return value
