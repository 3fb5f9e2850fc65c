"""Attempts as the tables hold them: a JSON list, an entry for each attempt that has ended, oldest first.

Who ends an attempt says its outcome, its error and its log (`ended_text`); the database adds what it knows itself:
number, runner and both times. Of more than 30 it keeps the first 5, which tell how it began, and the last 25.
"""

from __future__ import annotations

import json
from typing import Any

from kongflow.core.attempts import NO_LINES, AttemptError, AttemptOutcome, EndedAttempt, HandlerLog, LogLine
from kongflow.core.json import Json, printable
from kongflow.core.outcome import Transition, attempt_outcome
from kongflow.store.instants import MAX_INSTANT, to_instant, to_millis

MAX_TEXT = 25_000
"""Characters of one text of an error; the engine keeps to less."""
_TEXTS_OF_ERROR = ("type", "message", "traceback")
_OUTCOMES = tuple(AttemptOutcome)
_OUTCOME_ALONE = {outcome: json.dumps({"outcome": outcome}) for outcome in AttemptOutcome}
"""Most attempts leave nothing else."""


def ended_text(transition: Transition, log: HandlerLog = NO_LINES, *, crashed: bool = False) -> str:
    """Return what is written of the end of an attempt, as JSON text."""
    outcome = attempt_outcome(transition, crashed=crashed)
    if transition.error is None and not log.lines:
        return _OUTCOME_ALONE[outcome]
    ended: dict[str, Json] = {"outcome": str(outcome)}
    if transition.error is not None:
        ended["error"] = {name: printable(getattr(transition.error, name), MAX_TEXT) for name in _TEXTS_OF_ERROR}
    if log.lines:
        lines = [
            {"at": to_millis(line.at), "level": line.level, "message": printable(line.message)} for line in log.lines
        ]
        ended["log"] = {"lines": lines, "left_out": log.left_out}
    return json.dumps(ended, ensure_ascii=False)


def attempts_of(entries: Json) -> tuple[EndedAttempt, ...]:
    """Return the attempts of a stored list; entries that are not ours (a row edited by SQL) are left out."""
    return tuple(map(_attempt, filter(_is_entry, entries))) if isinstance(entries, list) else ()


def _attempt(entry: dict[str, Any]) -> EndedAttempt:
    error, log = entry.get("error"), entry.get("log")
    return EndedAttempt(
        attempt=entry["attempt"],
        outcome=AttemptOutcome(entry["outcome"]),
        ended_at=to_instant(entry["ended_at"]),
        started_at=None if entry.get("started_at") is None else to_instant(entry["started_at"]),
        runner=entry.get("runner"),
        error=None if error is None else AttemptError(*(error[name] for name in _TEXTS_OF_ERROR)),
        log=NO_LINES if log is None else HandlerLog(tuple(map(_line, log["lines"])), log["left_out"]),
    )


def _line(line: dict[str, Any]) -> LogLine:
    return LogLine(to_instant(line["at"]), line["level"], line["message"])


def _is_entry(entry: Json) -> bool:
    if (
        not isinstance(entry, dict)
        or not isinstance(entry.get("attempt"), int)
        or not _is_instant(entry.get("ended_at"))
    ):
        return False
    started, runner = entry.get("started_at"), entry.get("runner")
    return (
        entry.get("outcome") in _OUTCOMES
        and (started is None or _is_instant(started))
        and (runner is None or isinstance(runner, str))
        and ("error" not in entry or _is_error(entry["error"]))
        and ("log" not in entry or _is_log(entry["log"]))
    )


def _is_error(error: Json) -> bool:
    return isinstance(error, dict) and all(isinstance(error.get(name), str) for name in _TEXTS_OF_ERROR)


def _is_log(log: Json) -> bool:
    if not isinstance(log, dict) or not isinstance(log.get("left_out"), int):
        return False
    lines = log.get("lines")
    return isinstance(lines, list) and all(map(_is_line, lines))


def _is_line(line: Json) -> bool:
    if not isinstance(line, dict) or not _is_instant(line.get("at")):
        return False
    return isinstance(line.get("level"), str) and isinstance(line.get("message"), str)


def _is_instant(value: Json) -> bool:
    return isinstance(value, int) and 0 <= value <= MAX_INSTANT
