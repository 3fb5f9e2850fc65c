"""The answers of an endpoint, read: which step each of them means. Pure.

Whatever is not understood ends the run as failed, with the place where it is not; what a server or a network may do
better later is tried again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from catalog.app.models import RunStatus
from catalog.app.models.base import now
from catalog.running.steps import (
    CompleteTask,
    Fail,
    GiveWay,
    Resume,
    RetryTask,
    StartNow,
    Step,
    StopCanceled,
    Succeed,
    Together,
    TryAgain,
)
from catalog.wire.body import InvalidJson, read_json
from catalog.wire.request import Answer, NoAnswer, Refused, TimedOut, Unreachable
from catalog.wire.shape import first_error, problem_of
from catalog.wire.times import read_due

SCHEMA = Path(__file__).parent / "answer.schema.json"
LATE = (408, 504)
"""What servers before an endpoint say when it took too long."""

MAX_ERROR = 10_000
"""Characters of a task's error; the whole of it is the run's output when the run fails."""


class _Misunderstood(ValueError):
    """An answer does not have the shape of one; the text says where."""


def read_execution(answer: Answer | NoAnswer, url: str) -> Step:
    """Return what an answer to EXECUTE_JOB means."""
    if isinstance(answer, NoAnswer):
        return _unanswered(answer, url)
    if not answer.is_success:
        output = _error_of(answer)
        if answer.status in LATE:
            return TryAgain(output, late=True)
        return Fail(output) if 400 <= answer.status < 500 else TryAgain(output)
    return _read(answer, _step)


def _unanswered(problem: NoAnswer, url: str) -> Step:
    if isinstance(problem, Unreachable):
        return TryAgain({"message": f"Connection could not be established to the endpoint ({url})"})
    if isinstance(problem, Refused):
        # Where a name of the platform's network leads is nothing that a job should learn.
        return TryAgain({"message": f"Endpoint {url} may not be called"})
    return TryAgain({"message": f"Endpoint {problem}"}, late=isinstance(problem, TimedOut))


def read_preprocessing(answer: Answer | NoAnswer) -> Step:
    """Return what an answer to PREPROCESS_RUN means."""
    if isinstance(answer, NoAnswer):
        return TryAgain({"message": "Could not connect to the endpoint"})
    if not answer.is_success:
        return TryAgain({"message": f"Endpoint responded with {answer.status} status code"})
    return _read(answer, _preprocessed)


def _read(answer: Answer, step: Callable[[Mapping[str, Any]], Step]) -> Step:
    try:
        return step(answer.json())
    except InvalidJson:
        return Fail({"message": "Endpoint responded with invalid JSON"})
    except _Misunderstood as problem:
        return Fail({"message": str(problem)})


def _error_of(answer: Answer) -> Any:
    try:
        body = answer.json()
        _check("error", body)
    except (InvalidJson, _Misunderstood):
        return {"message": f"Endpoint responded with {answer.status} status code"}
    return _error(body)


def _error(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value[key] for key in ("message", "name", "stack") if key in value}


def _preprocessed(value: Mapping[str, Any]) -> Step:
    _check("PREPROCESS_RUN", value)
    if value["abort"]:
        return Fail({"message": "Endpoint aborted the run"}, RunStatus.ABORTED)
    return StartNow(value.get("properties"))


def _step(value: Mapping[str, Any]) -> Step:
    _check(None, value)
    _check(value["status"], value)
    return _STEPS[value["status"]](value)


def _resume(value: Mapping[str, Any]) -> Step:
    task = value["task"]
    return Resume(
        task["id"],
        at=_instant(task["delayUntil"]) if task.get("delayUntil") else None,
        output_properties=task.get("outputProperties"),
    )


def _retry(value: Mapping[str, Any]) -> Step:
    error = value["error"]
    text = f"{error.get('name') or 'Error'}: {error['message']}"
    return RetryTask(value["task"]["id"], _instant(value["retryAt"]), text[:MAX_ERROR])


def _completed(value: Mapping[str, Any]) -> Step:
    try:
        return CompleteTask(value["id"], read_json(value.get("output") or "null"), value.get("properties"))
    except InvalidJson as problem:
        raise _Misunderstood(f"$.output: {problem}") from None


def _together(value: Mapping[str, Any]) -> Step:
    """One task that ends the run ends it for all."""
    steps = tuple(_step(child) for child in value["childErrors"])
    fatal = next((step for step in steps if isinstance(step, Fail)), None)
    return fatal or Together(value["task"]["id"], value["task"].get("outputProperties"), steps)


_STEPS: Mapping[str, Callable[[Mapping[str, Any]], Step]] = {
    "SUCCESS": lambda value: Succeed(value.get("output")),
    "RESUME_WITH_TASK": _resume,
    "RETRY_WITH_TASK": _retry,
    "ERROR": lambda value: Fail(_error(value["error"]), task_id=value.get("task", {}).get("id")),
    "CANCELED": lambda _value: StopCanceled(),
    "INVALID_PAYLOAD": lambda value: Fail(value["errors"], RunStatus.INVALID_PAYLOAD),
    "UNRESOLVED_AUTH_ERROR": lambda value: Fail(value["issues"], RunStatus.UNRESOLVED_AUTH),
    "YIELD_EXECUTION": lambda value: GiveWay(value["key"]),
    "AUTO_YIELD_EXECUTION": lambda _value: GiveWay(),
    "AUTO_YIELD_EXECUTION_WITH_COMPLETED_TASK": _completed,
    "RESUME_WITH_PARALLEL_TASK": _together,
}


def _instant(value: str | float) -> datetime:
    try:
        return read_due(value, now())
    except ValueError as problem:
        raise _Misunderstood(str(problem)) from None


def _check(name: str | None, value: Any) -> None:
    error = first_error(_validator(name), value)
    if error is not None:
        raise _Misunderstood(f"{error.json_path}: {problem_of(error)}")


@cache
def _validator(name: str | None) -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text())
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]} if name else schema)
