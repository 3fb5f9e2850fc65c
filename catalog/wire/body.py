"""JSON of strangers: read, and refused where no database could keep it."""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Any, NoReturn

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class InvalidJson(ValueError):
    """A body is no JSON, or none that a database can keep."""


MAX_DEPTH = 200
"""Levels of lists and objects; what is deeper is an attack on whoever walks through it."""


def read_json(body: bytes | str) -> Any:
    """Return the JSON. Raises: InvalidJson, also for what no database can keep: NaN, NUL, lone surrogates, numbers
    beyond what a float can be; and for what is nested too deeply.
    """
    try:
        value = json.loads(body, parse_constant=_refuse, parse_float=_finite)
    except json.JSONDecodeError as problem:
        place = f"line {problem.lineno}, column {problem.colno}"
        raise InvalidJson(f"invalid JSON at {place}: {problem.msg}") from None
    except RecursionError:
        raise InvalidJson("JSON that is nested too deeply") from None
    except ValueError:
        raise InvalidJson("invalid JSON") from None
    _check(value)
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number


def _check(value: Any) -> None:
    """Walk through a JSON value, keys included."""
    level = [value]
    for _ in range(MAX_DEPTH):
        texts = [item for item in level if isinstance(item, str)]
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                texts.extend(item)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if _UNSTORABLE.search("".join(texts)):
            raise InvalidJson("text that cannot be stored: a NUL or a lone surrogate")
        if not below:
            return
        level = below
    raise InvalidJson(f"JSON of more than {MAX_DEPTH} levels")
