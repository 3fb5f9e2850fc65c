"""The ladder of a retry policy in words: every delay, and what else ends its retries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kongflow.core.duration import format_duration
from kongflow.core.retry import Delay, RetryPolicy

HEADINGS = ("attempt", "earliest", "expected", "latest", "total")


def with_totals(delays: Sequence[Delay]) -> Iterator[tuple[Delay, float]]:
    """Yield each delay with the sum of the expected ones up to it."""
    total = 0.0
    for delay in delays:
        total += delay.expected
        yield delay, total


def ladder(delays: Sequence[Delay]) -> list[tuple[str, ...]]:
    """Return a row for each delay, under `HEADINGS`."""
    return [
        (
            f"{delay.attempt} → {delay.attempt + 1}",
            shown(delay.earliest),
            shown(delay.expected),
            shown(delay.latest),
            shown(total),
        )
        for delay, total in with_totals(delays)
    ]


def limits(policy: RetryPolicy) -> Iterator[str]:
    """Yield what else ends the retries of a policy, a sentence each."""
    if policy.max_duration is not None:
        yield f"no retry starts later than {format_duration(policy.max_duration)} after the job was first ready"
    if policy.retry_on != ("*",):
        yield f"only these errors are retried: {', '.join(policy.retry_on)}"
    if policy.give_up_on:
        yield f"these errors fail the job at once: {', '.join(policy.give_up_on)}"


def shown(seconds: float) -> str:
    """Return a delay as precisely as a person reads it: `900ms`, `2.45s`, `2m28s`."""
    if 1 <= seconds < 60:
        return f"{seconds:.2f}".rstrip("0").rstrip(".") + "s"
    return format_duration(round(seconds, 0 if seconds > 1 else 3))
