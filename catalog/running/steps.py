"""What comes next in a run, as an endpoint's answer says. Pure values; `conclude` writes what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from catalog.app.models import RunStatus

MAX_WORDS: Final = 300
"""Characters of what a log line says of an output."""


@dataclass(frozen=True, slots=True)
class Succeed:
    """The run has ended well."""

    output: Any


@dataclass(frozen=True, slots=True)
class Fail:
    """The run has ended otherwise; `task_id` is the task that is to blame, where one is."""

    output: Any
    status: RunStatus = RunStatus.FAILURE
    task_id: str | None = None


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The call came to nothing, and may do better later; `output` says why. `late`: it only took too long."""

    output: Any
    late: bool = False


@dataclass(frozen=True, slots=True)
class Resume:
    """The run goes on with a task, at a time or at once; where the task has an operation, when that is done."""

    task_id: str
    at: datetime | None
    output_properties: Any


@dataclass(frozen=True, slots=True)
class RetryTask:
    """A task failed, and the run tries it again at a time."""

    task_id: str
    at: datetime
    error: str


@dataclass(frozen=True, slots=True)
class GiveWay:
    """The call was about to take too long, and the run goes on with another. `key`: where the job itself gave way."""

    key: str | None = None


@dataclass(frozen=True, slots=True)
class CompleteTask:
    """As GiveWay, after a task whose end the endpoint had no time to tell."""

    task_id: str
    output: Any
    properties: Any


@dataclass(frozen=True, slots=True)
class StopCanceled:
    """The endpoint was told that the run is canceled, and did no more."""


@dataclass(frozen=True, slots=True)
class StartNow:
    """The run is preprocessed; it starts, with these properties."""

    properties: Any


@dataclass(frozen=True, slots=True)
class Together:
    """Tasks that went side by side each want something else next."""

    task_id: str
    output_properties: Any
    steps: tuple[Step, ...]


Step = Succeed | Fail | TryAgain | Resume | RetryTask | GiveWay | CompleteTask | StopCanceled | StartNow | Together


def in_words(output: Any) -> str:
    """Return what an output of a run that failed says, for a line of a log: its message, where it has one."""
    text = output["message"] if isinstance(output, dict) and "message" in output else output
    return "".join(each if each.isprintable() else " " for each in str(text)[:MAX_WORDS])
