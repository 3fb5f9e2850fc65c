"""`kongflow retries`: every delay of a retry policy, before it meets production."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from kongflow.cli.options import CONFIG, config_option, epilogue, json_option, load_catalog
from kongflow.cli.output import emit_items, note, print_table
from kongflow.core.duration import format_duration
from kongflow.core.json import Json
from kongflow.core.retry import Delay, RetryPolicy


@click.command(
    "retries",
    epilog=epilogue(
        """
        kongflow retries default
        kongflow retries default --json | jq '.items[-1].total'
        """,
        CONFIG,
        5,
    ),
)
@click.argument("policy")
@json_option
@config_option
def command(policy: str, as_json: bool, config: Path) -> None:
    """Show every delay of a retry policy.

    Each delay counts from the failure of an attempt: the earliest and the latest that jitter allows, and the expected
    one; the total is the sum of the expected ones, without the time that the attempts take.
    """
    declared = load_catalog(config).retry_policy(policy)
    delays = tuple(declared.windows())
    if as_json:
        emit_items(delays_json(delays), policy=policy, max_attempts=declared.max_attempts)
        return
    note(f"{policy}: {declared.max_attempts} attempts")
    print_delays(delays)
    tell_limits(declared)


def delays_json(delays: Sequence[Delay]) -> list[Json]:
    """Return the delays as `--json` prints them, in seconds to the microsecond; `attempt` is the one that failed."""
    return [
        {
            "attempt": delay.attempt,
            "earliest": round(delay.earliest, 6),
            "expected": round(delay.expected, 6),
            "latest": round(delay.latest, 6),
            "total": round(total, 6),
        }
        for delay, total in _with_totals(delays)
    ]


def print_delays(delays: Sequence[Delay]) -> None:
    """Print the delays as a table."""
    if not delays:
        note("one attempt, no retry")
        return
    rows = [
        (
            f"{delay.attempt} → {delay.attempt + 1}",
            _shown(delay.earliest),
            _shown(delay.expected),
            _shown(delay.latest),
            _shown(total),
        )
        for delay, total in _with_totals(delays)
    ]
    print_table(("ATTEMPT", "EARLIEST", "EXPECTED", "LATEST", "TOTAL"), rows)


def tell_limits(policy: RetryPolicy) -> None:
    """Say what else ends the retries of a policy."""
    if policy.max_duration is not None:
        note(f"no retry starts later than {format_duration(policy.max_duration)} after the job was first ready")
    if policy.retry_on != ("*",):
        note(f"only these errors are retried: {', '.join(policy.retry_on)}")
    if policy.give_up_on:
        note(f"these errors fail the job at once: {', '.join(policy.give_up_on)}")


def _with_totals(delays: Sequence[Delay]) -> Iterator[tuple[Delay, float]]:
    total = 0.0
    for delay in delays:
        total += delay.expected
        yield delay, total


def _shown(seconds: float) -> str:
    """Return a delay as precisely as a person reads it: `900ms`, `2.45s`, `2m28s`."""
    if 1 <= seconds < 60:
        return f"{seconds:.2f}".rstrip("0").rstrip(".") + "s"
    return format_duration(round(seconds, 0 if seconds > 1 else 3))
