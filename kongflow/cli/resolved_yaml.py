"""The resolved configuration as YAML that can be read again, with or without comments."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import yaml

from kongflow.cli.output import escape
from kongflow.cli.resolved import Seconds, is_value
from kongflow.config.environment import unfill
from kongflow.config.text import SourceText
from kongflow.config.yaml_values import compose, scalar
from kongflow.core.duration import format_duration, parse_duration
from kongflow.core.json import Json

MOST = 56
"""Columns up to which comments are aligned; a longer line has its own behind it."""


class _Dumper(yaml.SafeDumper):
    """Writes `Seconds` with their units, text so that it is read as text again, and everything in full."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # PyYAML quotes by YAML 1.1, kongflow.yaml is YAML 1.2; and what a terminal would obey has escapes in quotes only.
    is_plain = scalar(text) == text and escape(text) == text
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else '"')


def _write_seconds(dumper: yaml.SafeDumper, seconds: Seconds) -> yaml.ScalarNode:
    return dumper.represent_str(_with_units(seconds))


_Dumper.add_representer(str, _write_text)
_Dumper.add_representer(Seconds, _write_seconds)


def _with_units(seconds: float) -> str:
    """Return a duration exactly: what has no whole milliseconds is written in seconds."""
    text = format_duration(seconds)
    return text if parse_duration(text) == seconds else f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def as_yaml(resolved: Json, width: float = 120) -> str:
    """Return the resolved configuration as kongflow.yaml would say it."""
    return yaml.dump(_unfilled(resolved), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width)


def as_yaml_with(resolved: Json, comment: Callable[[tuple[str, ...]], str]) -> str:
    """As `as_yaml`, with a comment behind the key of each value that `values_in` yields."""
    text = escape(as_yaml(resolved, width=math.inf), keep_layout=True)  # what is folded has no place for a comment
    root = compose(SourceText("", text))
    comments = {line: comment(path) for path, line in _lines(root, ())}
    lines = text.split("\n")[:-1]
    width = min(max((len(lines[line]) for line in comments), default=0), MOST)
    told = [
        f"{line:<{width}}  # {escape(comments[number])}" if number in comments else line
        for number, line in enumerate(lines)
    ]
    return "\n".join(told) + "\n"


def _lines(node: yaml.Node | None, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield each value with the line of its key."""
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        below = (*path, str(key.value))
        if is_value(below) or not isinstance(value, yaml.MappingNode) or not value.value:
            yield below, key.start_mark.line
        else:
            yield from _lines(value, below)


def _unfilled(value: Json) -> Json:
    """Return a value with every text written so that no variable is seen in it."""
    match value:
        case str():
            return unfill(value)
        case dict():
            return {key: _unfilled(item) for key, item in value.items()}
        case list():
            return [_unfilled(item) for item in value]
    return value
