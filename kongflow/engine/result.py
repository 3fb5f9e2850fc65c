"""Result: what a handler's return value means. JSON succeeds; Snooze and Cancel are values, not exceptions."""

from __future__ import annotations

import json
import math

from kongflow.core.json import dump, printable
from kongflow.core.outcome import Cancel, Outcome, Snooze, Succeeded
from kongflow.core.task import Task
from kongflow.errors import GiveUp, InvalidPayload, InvalidResult

MAX_SNOOZE = 10 * 365 * 86_400.0
"""Ten years, in seconds: longer is a mistake in the unit."""

_MEANT = {
    Snooze: "return Snooze(seconds)",
    Cancel: "return Cancel(reason)",
    GiveUp: "raise GiveUp(reason)",
}
"""What a handler writes that means to end in a way of its own."""


def meaning_of(value: object, task: Task) -> Outcome:
    """Return the outcome that a returned value means. Raises: InvalidResult."""
    match value:
        case Snooze(seconds):
            if not isinstance(seconds, int | float) or not math.isfinite(seconds) or not 0 <= seconds <= MAX_SNOOZE:
                raise InvalidResult(f"Snooze takes seconds from 0 to ten years, not {seconds!r}")
            return Snooze(float(seconds))
        case Cancel(reason):
            return Cancel("" if reason is None else printable(str(reason), 1_000))
        case GiveUp():
            raise InvalidResult(f"the handler returned a GiveUp; write `{_MEANT[GiveUp]}`")
    if isinstance(value, type) and value in _MEANT:
        raise InvalidResult(f"the handler returned the class {value.__name__}; write `{_MEANT[value]}`")
    return Succeeded(result_text(value, task))


def result_text(value: object, task: Task) -> str:
    """Return the JSON text that is kept of a result. Raises: InvalidResult, with every problem."""
    try:
        text = dump(value, "result")
    except InvalidPayload as error:
        raise InvalidResult(str(error), error.problems) from None
    except Exception as error:
        raise InvalidResult(f"the result is not JSON: {type(error).__name__}: {error}") from None
    check_result(text, task)
    return text


def check_result(text: str, task: Task) -> None:
    """Check JSON text against the task's `result`. Raises: InvalidResult, with every problem."""
    if task.result_schema is None:
        return
    try:
        task.result_schema.check_result(json.loads(text))
    except InvalidPayload as error:
        raise InvalidResult(str(error), error.problems) from None
