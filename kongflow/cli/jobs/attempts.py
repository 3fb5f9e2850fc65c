"""Attempts for people: when each ran, where, how it ended, its error with the stack, and what its handler logged."""

from __future__ import annotations

from collections.abc import Sequence

import click

from kongflow.cli.jobs.shape import error_text
from kongflow.cli.output import escape, iso
from kongflow.core.attempts import EndedAttempt, LogLine
from kongflow.core.duration import format_duration


def print_attempts(attempts: Sequence[EndedAttempt]) -> None:
    """Print every attempt that has ended, the oldest first. A stack that was there before is not printed again."""
    if not attempts:
        return
    click.echo("\nattempts")
    stacks: dict[str, int] = {}
    for place, attempt in enumerate(attempts):
        click.echo(f"  {_heading(attempt)}")
        if attempt.error is not None:
            click.echo(_indented(escape(error_text(attempt.error), keep_layout=True), 4))
            _print_stack(attempt.error.traceback, stacks, place, attempts)
        if attempt.log.left_out:
            click.echo(f"    log ({attempt.log.left_out} earlier lines were not kept)")
        elif attempt.log.lines:
            click.echo("    log")
        for line in attempt.log.lines:
            click.echo(_indented(_log_line(line), 6))


def _heading(attempt: EndedAttempt) -> str:
    if attempt.started_at is None:
        return f"{iso(attempt.ended_at)}  refused before its first attempt"
    where = "" if attempt.runner is None else f" on {escape(attempt.runner)}"
    lasted = format_duration(attempt.duration)
    return f"{iso(attempt.started_at)}  attempt {attempt.attempt} {attempt.outcome} after {lasted}{where}"


def _print_stack(stack: str, seen: dict[str, int], place: int, attempts: Sequence[EndedAttempt]) -> None:
    if not stack:
        return
    first = seen.setdefault(stack, place)
    if first == place:
        click.echo(_indented(escape(stack.rstrip(), keep_layout=True), 6))
    else:
        click.echo(f"      (the same stack as attempt {attempts[first].attempt} of {iso(attempts[first].started_at)})")


def _log_line(line: LogLine) -> str:
    return f"{iso(line.at)} {escape(line.level):<8} {escape(line.message, keep_layout=True)}"


def _indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())
