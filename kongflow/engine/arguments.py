"""Arguments: what a caller of the API passed, as the parts below take it, or an InvalidOption that says what fits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeGuard

from kongflow.core.catalog import Catalog
from kongflow.core.duration import MAX_DURATION
from kongflow.core.job import JobState
from kongflow.core.job_filter import Term, parse_filter
from kongflow.core.json import printable
from kongflow.core.spelling import did_you_mean
from kongflow.errors import InvalidOption, UnknownQueue

MAX_LIMIT = 1_000
"""Jobs of one page."""


def job_id(given: object) -> str:
    """Return the id of a job. Raises: InvalidOption for what is no text, such as the number that an id looks like."""
    if isinstance(given, str):
        return given
    write = f"write {str(given)!r}" if isinstance(given, int) else "pass what `job.id` holds"
    raise InvalidOption(f"ids are text: {write}, not {given!r}")


def text(name: str, given: object) -> str | None:
    """Return text; None means "not given". Raises: InvalidOption."""
    if given is None or isinstance(given, str):
        return given
    raise InvalidOption(f"{name} is text, not {given!r}")


def needed_text(name: str, given: object) -> str:
    """Return text. Raises: InvalidOption."""
    if isinstance(given, str):
        return given
    raise InvalidOption(f"{name} is text, not {given!r}")


def remark(name: str, given: object) -> str:
    """Return what a person remarks, of which what no database holds is escaped. Raises: InvalidOption."""
    return printable(needed_text(name, given))


def texts(name: str, given: object) -> tuple[str, ...] | None:
    """Return a list of texts; None means "not given". Raises: InvalidOption."""
    if given is None:
        return None
    if isinstance(given, (list, tuple, set, frozenset)) and all(isinstance(item, str) for item in given):
        return tuple(sorted(given) if isinstance(given, (set, frozenset)) else given)
    raise InvalidOption(f"{name} is a list of texts, not {given!r}")


def integer(name: str, given: object) -> int | None:
    """Return a whole number; None means "not given". Raises: InvalidOption."""
    if given is None or _is_integer(given):
        return given
    raise InvalidOption(f"{name} is a whole number, not {given!r}")


def patience(given: object) -> float | None:
    """Return the seconds that a caller waits at most; None is for ever. Raises: InvalidOption."""
    seconds = given.total_seconds() if isinstance(given, timedelta) else given
    if seconds is None:
        return None
    # NaN compares false: it is refused too.
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds <= MAX_DURATION:
        return float(seconds)
    raise InvalidOption(f"timeout is seconds, 0 or more, or a timedelta, not {given!r}; None waits for ever")


def page_limit(given: object) -> int:
    """Return how many jobs a page may hold. Raises: InvalidOption."""
    if _is_integer(given) and 1 <= given <= MAX_LIMIT:
        return given
    raise InvalidOption(f"limit is a whole number from 1 to {MAX_LIMIT}, not {given!r}")


def earliest(given: object) -> datetime | None:
    """Return the instant that `since` means; None means "not given". Raises: InvalidOption."""
    if given is None:
        return None
    if isinstance(given, timedelta):
        if abs(given.total_seconds()) > MAX_DURATION:
            raise InvalidOption(f"since is more than a hundred years ago: {given!r}")
        return datetime.now(UTC) - given
    if not isinstance(given, datetime):
        raise InvalidOption(f"since is an aware datetime or a timedelta, not {given!r}")
    if given.utcoffset() is None:
        raise InvalidOption(f"since {given.isoformat()} has no time zone; pass an aware datetime or a timedelta")
    return given


def instant(run_at: object) -> datetime:
    """Return the instant at which a job may start. Raises: InvalidOption."""
    if not isinstance(run_at, datetime):
        raise InvalidOption(f"run_at is an aware datetime or a timedelta, not {run_at!r}")
    if run_at.tzinfo is None or run_at.utcoffset() is None:
        raise InvalidOption(
            f"run_at {run_at.isoformat()} has no time zone, so it could mean 26 different hours; "
            "pass an aware datetime, such as datetime.now(timezone.utc) + timedelta(minutes=5), or a timedelta"
        )
    if run_at - datetime.now(UTC) > timedelta(seconds=MAX_DURATION):
        raise InvalidOption(f"{run_at.isoformat()} is more than a hundred years away")
    return run_at


def moment(name: str, given: object) -> datetime:
    """Return an aware datetime within a hundred years of now. Raises: InvalidOption."""
    if not isinstance(given, datetime):
        raise InvalidOption(f"{name} is an aware datetime, not {given!r}")
    if given.utcoffset() is None:
        raise InvalidOption(f"{name} {given.isoformat()} has no time zone; pass an aware datetime")
    if abs(given - datetime.now(UTC)) > timedelta(seconds=MAX_DURATION):
        raise InvalidOption(f"{name} {given.isoformat()} is more than a hundred years away")
    return given


def start(run_at: object) -> datetime | float:
    """Return when a job may start: an instant, or the seconds from now. Raises: InvalidOption."""
    if not isinstance(run_at, timedelta):
        return instant(run_at)
    if abs(run_at.total_seconds()) > MAX_DURATION:
        raise InvalidOption(f"a delay of {run_at.total_seconds()} seconds is not within a hundred years")
    return run_at.total_seconds()


def filter_terms(given: object) -> tuple[Term, ...]:
    """Return the terms of a filter; None means "not given". Raises: InvalidOption, InvalidFilter."""
    written = text("filter", given)
    return () if written is None else parse_filter(written, datetime.now(UTC))


def job_states(given: object) -> tuple[JobState, ...]:
    """Return the states of a filter. Raises: InvalidOption, for a name that no state has with the nearest."""
    if isinstance(given, str):
        raise InvalidOption(f"states is a list of states: write [{str(given)!r}]")
    if not isinstance(given, Iterable):
        raise InvalidOption(f"states is a list of states, not {given!r}")
    return tuple(_state(state) for state in given)


def queue_names(given: object) -> tuple[str, ...]:
    """Return what a runner serves, each name once. Raises: InvalidOption."""
    if isinstance(given, str):
        raise InvalidOption(f"queues is a list of names: write [{given!r}]")
    if not isinstance(given, Iterable):
        raise InvalidOption(f"queues is a list of names, not {given!r}")
    names = tuple(given)
    if not all(isinstance(name, str) for name in names):
        raise InvalidOption(f"queues is a list of names, not {given!r}")
    if not names:
        raise InvalidOption("queues names no queue; leave it out to serve those of the configuration")
    return tuple(dict.fromkeys(names))


def positive(name: str, given: object) -> int:
    """Return a whole number, 1 or more. Raises: InvalidOption."""
    if _is_integer(given) and given >= 1:
        return given
    raise InvalidOption(f"{name} is a whole number, 1 or more, not {given!r}")


def with_overrides(catalog: Catalog, queues: Sequence[str] | None, concurrency: int | None) -> Catalog:
    """Return the catalog for a run with queues and a concurrency of its own. Raises: InvalidOption, UnknownQueue."""
    runner = catalog.runner
    if queues is not None:
        names = queue_names(queues)
        for name in names:
            if name != "*" and name not in catalog.queues.queues:
                raise UnknownQueue(
                    f"no queue or pattern {name!r} is declared{catalog.where}; a runner serves '*' or names exactly as "
                    f"declared{did_you_mean(name, catalog.queues.queues)}"
                )
        runner = replace(runner, queues=names)
    if concurrency is not None:
        runner = replace(runner, concurrency=positive("concurrency", concurrency))
    return replace(catalog, runner=runner)


def _state(given: object) -> JobState:
    try:
        return JobState(given)  # type: ignore[arg-type]
    except ValueError:
        known = [known.value for known in JobState]
        raise InvalidOption(f"there is no state {str(given)!r}{did_you_mean(str(given), known)}") from None


def _is_integer(given: object) -> TypeGuard[int]:
    return isinstance(given, int) and not isinstance(given, bool)
