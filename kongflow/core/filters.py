"""The filters and tests of templates: plain functions over JSON values. What is not listed here does not exist.

A filter raises ValueError or TypeError, in words, for a value that it cannot work on. Every one is linear in its
input, and inputs are capped: a payload is hostile, the template that reads it is not.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote

from kongflow.core.expression import MAX_TEXT, as_text, kind_of
from kongflow.core.json import Json

MAX_ITEMS = 10_000
"""Items of a list that a filter looks at."""
MAX_WIDTH = 256
"""Widest padding of `center` and `format`."""

# Widths of up to two digits and a precision of up to two: what a name needs, and nothing that fills the memory.
_FORMAT = re.compile(r"%(?:%|[-+ 0#]{0,3}\d{0,2}(?:\.\d{1,2})?[sdxXeEfgG])")

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


# --- filters over text -----------------------------------------------------------------------------------------------


def lower(value: Json) -> str:
    """`'Ab' | lower` → `ab`."""
    return _text(value).lower()


def upper(value: Json) -> str:
    """`'Ab' | upper` → `AB`."""
    return _text(value).upper()


def capitalize(value: Json) -> str:
    """`'ab CD' | capitalize` → `Ab cd`."""
    return _text(value).capitalize()


def title(value: Json) -> str:
    """`'ab cd' | title` → `Ab Cd`."""
    return _text(value).title()


def trim(value: Json, chars: str | None = None) -> str:
    """`' ab ' | trim` → `ab`; with `chars` these instead of blanks."""
    return _text(value).strip(None if chars is None else _text(chars))


def replace(value: Json, old: str, new: str) -> str:
    """Replace every `old` by `new`."""
    text, old, new = _text(value), _text(old), _text(new)
    _refuse_longer(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def truncate(value: Json, length: int = 64, end: str = "…") -> str:
    """Cut to at most `length` characters, `end` included."""
    text, length, end = _text(value), _integer(length), _text(end)
    if len(end) > length:
        raise ValueError(f"{length} characters are too few for the ending {end!r}")
    return text if len(text) <= length else text[: length - len(end)] + end


def center(value: Json, width: int) -> str:
    """Pad with blanks on both sides."""
    width = _integer(width)
    if width > MAX_WIDTH:
        raise ValueError(f"a width of {width} is over {MAX_WIDTH}")
    return _text(value).center(width)


def format_text(value: Json, *values: Json) -> str:
    """`'%05d' | format(payload.n)` → `00042`: `%s %d %x %f %g`, widths of up to two digits."""
    pattern = _text(value)
    if _FORMAT.sub("", pattern).count("%"):
        raise ValueError(f"{pattern!r} is not a format; there are %s %d %x %f %g, with widths of up to two digits")
    arguments = tuple(item if isinstance(item, int | float) else as_text(item, "a value of format") for item in values)
    _refuse_longer(len(pattern) + sum(len(item) for item in arguments if isinstance(item, str)))
    return pattern % arguments


def urlencode(value: Json) -> str:
    """`'a b/c' | urlencode` → `a%20b%2Fc`."""
    return quote(_printed(value), safe="")


def string(value: Json) -> str:
    """`5 | string` → `5`, as it would be printed."""
    return _printed(value)


def tojson(value: Json) -> str:
    """`{'a': 1} | tojson` → `{"a":1}`, keys sorted."""
    pieces: list[str] = []
    size = 0
    for piece in _JSON.iterencode(value):  # piece by piece: what is too long is never built
        pieces.append(piece)
        size += len(piece)
        _refuse_longer(size)
    return "".join(pieces)


# --- filters over numbers --------------------------------------------------------------------------------------------


def to_int(value: Json) -> int:
    """`'42' | int` → `42`; cuts a fraction off. Text that is no number is an error."""
    if isinstance(value, str):
        return int(_short(value))
    return int(_number(value))


def to_float(value: Json) -> float:
    """`'4.5' | float` → `4.5`. Text that is no number is an error."""
    result = float(_short(value) if isinstance(value, str) else _number(value))
    if not math.isfinite(result):
        raise ValueError(f"{result} is not a number that JSON has")
    return result


def absolute(value: Json) -> int | float:
    """`-5 | abs` → `5`."""
    return abs(_number(value))


def round_number(value: Json, precision: int = 0) -> int | float:
    """`4.56 | round(1)` → `4.6`; without a precision an integer."""
    precision = _integer(precision)
    if not 0 <= precision <= 15:
        raise ValueError(f"a precision is 0 to 15, not {precision}")
    return round(_number(value), precision) if precision else round(_number(value))


# --- filters over lists and text -------------------------------------------------------------------------------------


def length(value: Json) -> int:
    """Return the number of characters, items or keys."""
    if isinstance(value, str | list | tuple | Mapping):
        return len(value)
    raise TypeError(f"{kind_of(value)} has no length")


def first(value: Json) -> Json:
    """Return the first item or character."""
    return _not_empty(value)[0]


def last(value: Json) -> Json:
    """Return the last item or character."""
    return _not_empty(value)[-1]


def join(value: Json, separator: str = "") -> str:
    """Join what is printed for each item."""
    texts = [as_text(item, "an item of the joined list") for item in _list(value)]
    return joined(texts, _text(separator))


def sort(value: Json) -> list[Json]:
    """Sort a list of numbers or a list of texts."""
    return sorted(_comparable(value))


def unique(value: Json) -> list[Json]:
    """Return a list of numbers or texts without repetitions, the first of each kept."""
    return list(dict.fromkeys(_comparable(value)))


def smallest(value: Json) -> Json:
    """Return the least item of a list of numbers or of texts."""
    return min(_not_empty(_comparable(value)))


def largest(value: Json) -> Json:
    """Return the greatest item of a list of numbers or of texts."""
    return max(_not_empty(_comparable(value)))


def total(value: Json) -> int | float:
    """Return the sum of a list of numbers; 0 for an empty one."""
    return sum(_number(item) for item in _list(value))


# --- what they may give ----------------------------------------------------------------------------------------------


def short_enough(text: str) -> str:
    """Return the text. Raises: ValueError where it is longer than a template may print."""
    _refuse_longer(len(text))
    return text


def joined(texts: Sequence[str], separator: str = "") -> str:
    """Return the texts as one. Raises: ValueError, before it is built, where it is longer than a template may print."""
    _refuse_longer(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _refuse_longer(size: int) -> None:
    if size > MAX_TEXT:
        raise ValueError(f"the result is longer than {MAX_TEXT:,} characters")


# --- what they may take ----------------------------------------------------------------------------------------------


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text is needed, this is {kind_of(value)}")
    if len(value) > MAX_TEXT:
        raise ValueError(f"a text of more than {MAX_TEXT:,} characters")
    return value


def _short(value: str) -> str:
    if len(value) > 64:
        raise ValueError("a text of more than 64 characters is not taken for a number")
    return value


def _printed(value: Json) -> str:
    return _text(as_text(value, "the value"))


def _number(value: Json) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a number is needed, this is {kind_of(value)}")
    return value


def _integer(value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"an integer is needed, this is {kind_of(value)}")
    return value


def _list(value: Json) -> list[Json] | tuple[Json, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"a list is needed, this is {kind_of(value)}")
    if len(value) > MAX_ITEMS:
        raise ValueError(f"a list of more than {MAX_ITEMS:,} items")
    return value


def _comparable(value: Json) -> list[Json] | tuple[Json, ...]:
    items = _list(value)
    if all(isinstance(item, str) for item in items):
        return items
    for item in items:
        _number(item)
    return items


def _not_empty(value: Json) -> str | list[Json] | tuple[Json, ...]:
    sequence = _text(value) if isinstance(value, str) else _list(value)
    if not sequence:
        raise ValueError("it is empty")
    return sequence


# --- tests -----------------------------------------------------------------------------------------------------------


def is_number(value: Json) -> bool:
    """True for an integer or a float; not for true and false."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_integer(value: Json) -> bool:
    """True for a number without a fraction, as in JSON Schema: 5.0 is one."""
    return is_number(value) and float(value).is_integer()


def divisible(value: Json, by: int) -> bool:
    """`6 is divisibleby 3`."""
    if _number(by) == 0:
        raise ValueError("nothing is divisible by 0")
    return _number(value) % by == 0


FILTERS: Mapping[str, Callable[..., Json]] = {
    "abs": absolute,
    "capitalize": capitalize,
    "center": center,
    "first": first,
    "float": to_float,
    "format": format_text,
    "int": to_int,
    "join": join,
    "last": last,
    "length": length,
    "lower": lower,
    "max": largest,
    "min": smallest,
    "replace": replace,
    "round": round_number,
    "sort": sort,
    "string": string,
    "sum": total,
    "title": title,
    "tojson": tojson,
    "trim": trim,
    "truncate": truncate,
    "unique": unique,
    "upper": upper,
    "urlencode": urlencode,
}
"""Every filter but `default`, which alone takes a value that is missing (`sandbox.py`)."""

TESTS: Mapping[str, Callable[..., bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "divisibleby": divisible,
    "even": lambda value: _number(value) % 2 == 0,
    "integer": is_integer,
    "mapping": lambda value: isinstance(value, Mapping),
    "none": lambda value: value is None,
    "number": is_number,
    "odd": lambda value: _number(value) % 2 == 1,
    "sequence": lambda value: isinstance(value, list | tuple),
    "string": lambda value: isinstance(value, str),
}
"""Every test but `defined` and `undefined`, which alone take a value that is missing (`sandbox.py`)."""
