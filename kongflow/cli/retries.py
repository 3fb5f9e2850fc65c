"""`kongflow retries`: every delay of a retry policy, before it meets production."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from kongflow.cli.options import CONFIG, config_option, epilogue, json_option, load_catalog
from kongflow.cli.output import emit_items, note, print_table
from kongflow.core.json import Json
from kongflow.core.retry import Delay, RetryPolicy
from kongflow.core.retry_ladder import HEADINGS, ladder, limits, with_totals


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
        for delay, total in with_totals(delays)
    ]


def print_delays(delays: Sequence[Delay]) -> None:
    """Print the delays as a table."""
    if not delays:
        note("one attempt, no retry")
        return
    print_table([heading.upper() for heading in HEADINGS], ladder(delays))


def tell_limits(policy: RetryPolicy) -> None:
    """Say what else ends the retries of a policy."""
    for limit in limits(policy):
        note(limit)
