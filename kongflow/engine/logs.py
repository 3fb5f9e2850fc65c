"""Logs: one line an event, as text for people or as JSON for machines; a handler's own lines in the same form."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import TextIO

from kongflow.core.json import Json, printable
from kongflow.engine.events import Event, JobRef
from kongflow.engine.job_log import JobFilter

FORMATS = ("text", "json")
LOGGER = logging.getLogger("kongflow")
_COLOURS = {logging.WARNING: "\x1b[33m", logging.ERROR: "\x1b[31m", logging.CRITICAL: "\x1b[31;1m"}
_GREEN, _DIM, _RESET = "\x1b[32m", "\x1b[2m", "\x1b[0m"
_OWN_LINES = frozenset({"stacks"})
"""Fields that the text format writes below the line: a stack says nothing in one."""


def log_event(event: Event) -> None:
    """Listen to events and log each as one record of the logger `kongflow`."""
    if LOGGER.isEnabledFor(event.level):
        LOGGER.log(event.level, event.name, extra={"kongflow_event": event})


def configure_logging(
    format: str,
    stream: TextIO | None = None,
    *,
    level: int = logging.INFO,
    mask: Callable[[str], str] = str,
    of_several: bool = False,
) -> logging.Handler:
    """Send every log line of the process to `stream` (standard error), in `text` or `json`, and return the handler.

    `mask` hides secrets in each line. Colour is used on a terminal, unless NO_COLOR is set. Where the process is one
    `of_several` that write to the stream, text carries its id; JSON always does.
    """
    stream = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(stream)
    handler.addFilter(JobFilter())
    colour = stream.isatty() and not os.environ.get("NO_COLOR")
    pid = os.getpid() if of_several else None
    handler.setFormatter(JsonFormatter(mask) if format == "json" else TextFormatter(mask, colour=colour, pid=pid))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    return handler


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ts, level, event or message, then the fields; those without a value are left out."""

    def __init__(self, mask: Callable[[str], str] = str) -> None:
        super().__init__()
        self._mask = mask
        self._worker = f"{socket.gethostname()}:{os.getpid()}"

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        line: dict[str, Json] = {"ts": _timestamp(record), "level": record.levelname.lower()}
        event = getattr(record, "kongflow_event", None)
        if isinstance(event, Event):
            line |= {"event": event.name, **event_fields(event)}
        else:
            line |= {"logger": record.name, "message": record.getMessage(), **_bound_job(record)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        line["worker"] = self._worker
        return self._mask(json.dumps(line, ensure_ascii=False, default=str))


class TextFormatter(logging.Formatter):
    """Time, perhaps the process, level, event or message, then `key=value` for each field."""

    def __init__(self, mask: Callable[[str], str] = str, *, colour: bool = False, pid: int | None = None) -> None:
        super().__init__()
        self._mask = mask
        self._colour = colour
        self._process = "" if pid is None else f" [{pid}]"

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, with a stack below it where there is one."""
        event = getattr(record, "kongflow_event", None)
        below = self.formatException(record.exc_info) if record.exc_info else ""
        if isinstance(event, Event):
            facts = event_fields(event)
            below = "\n".join(str(facts.pop(name)) for name in _OWN_LINES & facts.keys())
            what = f"{event.name:<16}"
        else:
            facts = _bound_job(record)
            what = printable(record.getMessage())
        line = self._line(record, what, facts, green=getattr(event, "outcome", None) == "succeeded")
        return self._mask(f"{line}\n{below.rstrip()}" if below else line)

    def _line(self, record: logging.LogRecord, what: str, facts: Mapping[str, Json], *, green: bool) -> str:
        written = " ".join(f"{name}={_text(value)}" for name, value in _shortened(facts).items())
        begin = f"{_timestamp(record)}{self._process}"
        if not self._colour:
            return f"{begin} {record.levelname:<8} {what} {written}".rstrip()
        paint = _GREEN if green else _COLOURS.get(record.levelno, "")
        return f"{_DIM}{begin}{_RESET} {paint}{record.levelname:<8} {what}{_RESET} {_DIM}{written}{_RESET}"


def event_fields(event: Event) -> dict[str, Json]:
    """Return what an event says, flat, in order; fields without a value are left out. Durations are seconds."""
    facts: dict[str, Json] = {}
    for field in fields(event):
        value = getattr(event, field.name)
        if isinstance(value, JobRef):
            facts |= {name: getattr(value, name) for name in JobRef.__slots__}
        else:
            facts[field.name] = round(value, 6) if isinstance(value, float) else value
    outcome = getattr(event, "outcome", None)
    if outcome is not None:
        facts["outcome"] = outcome
    return {name: value for name, value in facts.items() if value is not None and value != ""}


def _bound_job(record: logging.LogRecord) -> dict[str, Json]:
    bound = getattr(record, "kongflow_job", None)
    if not isinstance(bound, JobRef):
        return {}
    return {name: getattr(bound, name) for name in JobRef.__slots__ if getattr(bound, name) is not None}


def _shortened(facts: Mapping[str, Json]) -> dict[str, Json]:
    """Say attempt and max_attempts in one word, as people do."""
    short = dict(facts)
    if "max_attempts" in short:
        short["attempt"] = f"{short['attempt']}/{short.pop('max_attempts')}"
    return short


def _text(value: Json) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(_text(item) for item in value)
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    plain = text.isprintable() and " " not in text and '"' not in text
    return text if plain else json.dumps(text, ensure_ascii=False)


def _timestamp(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
