"""JSON Lines of jobs to add: each line is {"task", "payload", options…}; all of them are added, or none."""

from __future__ import annotations

from datetime import datetime, timedelta

from kongflow.cli.options import read_text
from kongflow.core.duration import parse_duration
from kongflow.core.instant import parse_instant
from kongflow.core.job import NewJob
from kongflow.core.json import Json, load
from kongflow.core.spelling import did_you_mean
from kongflow.engine.client import Client, EnqueueOptions, job_options
from kongflow.errors import InvalidOption, InvalidPayload, KongFlowError

# More than this helps nobody: the first mistakes usually explain the others.
_SHOWN = 20


_OPTIONS_OF_THE_COMMAND = {
    "in": "run_at, a duration such as 5m",
    "at": "run_at, an instant such as 2026-11-24T09:30:00Z",
    "key": "job_key",
    "key_mode": "job_key_mode",
    "flag": "flags, a list",
    "tag": "tags, a list",
}
"""What stands in a line for an option of the command line that has another name."""


class InvalidBatch(KongFlowError):
    """Lines of a batch are bad; the text names each with its problem, and no job was added."""


def read_batch(source: str, client: Client) -> list[NewJob]:
    """Return the jobs of a file, or of stdin where `source` is `-`; empty lines are passed over.

    Raises: InvalidBatch with every bad line; FileUnreadable; NotText.
    """
    jobs: list[NewJob] = []
    problems: list[tuple[int, KongFlowError]] = []
    for number, line in enumerate(read_text(source).split("\n"), 1):
        if not line.strip():
            continue
        try:
            jobs.append(_prepare(load(line, "line"), client))
        except KongFlowError as problem:
            problems.append((number, problem))
    if problems:
        raise _invalid(problems)
    return jobs


def _prepare(entry: Json, client: Client) -> NewJob:
    if not isinstance(entry, dict):
        raise InvalidPayload('a line is an object {"task": …, "payload": …}')
    known = {"task", "payload", *EnqueueOptions.__annotations__}
    for name in entry:
        if name not in known:
            instead = _OPTIONS_OF_THE_COMMAND.get(name.removeprefix("--").replace("-", "_"))
            advice = f"; write {instead}" if instead else did_you_mean(name, known)
            raise InvalidOption(f"there is no option {name!r}{advice}")
    task = entry.get("task")
    if not isinstance(task, str):
        raise InvalidOption('"task" is missing, or is not the name of a task')
    given = {name: value for name, value in entry.items() if name not in ("task", "payload")}
    given["run_at"] = _run_at(given.get("run_at"))
    return client.prepare(task, entry.get("payload"), job_options(given))


def _run_at(value: Json) -> datetime | timedelta | None:
    if value is None:
        return None
    if isinstance(value, str) and value[:4].isdigit() and value[4:5] == "-":
        return parse_instant(value)
    if isinstance(value, str) and value[:1].isdigit():
        return timedelta(seconds=parse_duration(value))
    raise InvalidOption(f"run_at is a duration such as 5m or an instant such as 2026-11-24T09:30:00Z, not {value!r}")


def _invalid(problems: list[tuple[int, KongFlowError]]) -> InvalidBatch:
    lines = [f"  line {number}: {_indented(problem)}" for number, problem in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(f"  and {len(problems) - _SHOWN} more bad lines")
    return InvalidBatch("no job was added:\n" + "\n".join(lines))


def _indented(problem: KongFlowError) -> str:
    """Return the text of a problem with its further lines below its first, not below the number of the line."""
    return str(problem).replace("\n", "\n  ")
