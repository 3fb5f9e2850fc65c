"""JSON Lines of jobs to add: each line is {"task", "payload", options…}; all of them are added, or none."""

from __future__ import annotations

from datetime import datetime, timedelta

from kongflow.cli.options import parse_instant, read_text
from kongflow.core.duration import parse_duration
from kongflow.core.job import NewJob
from kongflow.core.json import Json, load
from kongflow.core.spelling import did_you_mean
from kongflow.engine.client import Client, EnqueueOptions, job_options
from kongflow.errors import InvalidOption, InvalidPayload, KongFlowError

# More than this helps nobody: the first mistakes usually explain the others.
_SHOWN = 20


class InvalidBatch(KongFlowError):
    """Lines of a batch are bad; the text names each with its problem, and no job was added."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def read_batch(source: str, client: Client) -> list[NewJob]:
    """Return the jobs of a file, or of stdin where `source` is `-`; empty lines are passed over.

    Raises: InvalidBatch with every bad line. Its exit code is the problem's own where all lines have the same one.
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
            raise InvalidOption(f"there is no option {name!r}{did_you_mean(name, known)}")
    task = entry.get("task")
    if not isinstance(task, str):
        raise InvalidOption('"task" is missing, or is not the name of a task')
    given = {name: value for name, value in entry.items() if name not in ("task", "payload")}
    given["run_at"] = _run_at(given.get("run_at"))
    return client.prepare(task, entry.get("payload"), job_options(given))


def _run_at(value: Json) -> datetime | timedelta | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidOption(f"run_at is an ISO 8601 instant or a duration such as 5m, not {value!r}")
    if value[:4].isdigit() and value[4:5] == "-":
        return parse_instant(value)
    return timedelta(seconds=parse_duration(value))


def _invalid(problems: list[tuple[int, KongFlowError]]) -> InvalidBatch:
    lines = [f"  line {number}: {problem}" for number, problem in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(f"  and {len(problems) - _SHOWN} more bad lines")
    codes = {problem.exit_code for _, problem in problems}
    return InvalidBatch("no job was added:\n" + "\n".join(lines), codes.pop() if len(codes) == 1 else 1)
