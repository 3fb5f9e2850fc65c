"""Schedules: each has one timing in a time zone that exists, and what it says of late and overlapping slots has an
effect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice, pairwise, takewhile

from kongflow.config.checks.facts import Facts
from kongflow.config.findings import Finding, Related, finding, quoted, suggestion
from kongflow.config.law import law
from kongflow.config.project import Entry
from kongflow.config.time_zones import zone_names, zone_of
from kongflow.core.cron import Cron
from kongflow.core.duration import format_duration, parse_duration
from kongflow.core.schedule import Every

_OFFSET = re.compile(r"(?:UTC|GMT|Z)?\s*[+-]\s*\d.*", re.IGNORECASE)
"""What people write for a distance from UTC."""
_ABBREVIATION = re.compile(r"[A-Z]{2,5}T")
"""`PST`, `CEST`: some of them mean several zones, and most are none."""
_MOST_MADE_UP = 10_000
"""Jobs that an outage as long as the window would add at once: more than anybody means."""
_RULES = law()["properties"]["schedules"]["additionalProperties"]["properties"]
_OVERLAP = _RULES["overlap"]["default"]
_GRACE = parse_duration(_RULES["grace"]["default"])
_TIMEOUT = parse_duration(law()["properties"]["defaults"]["properties"]["task"]["properties"]["timeout"]["default"])
_LOOKED_AT = 100
"""Times of a line among which the smallest gap is looked for."""


def schedule_timing(facts: Facts) -> Iterator[Finding]:
    """A schedule has either `cron` or `every`."""
    for entry in facts.project.schedules.values():
        if entry.failed("cron") or entry.failed("every"):
            continue
        if "cron" not in entry.value and "every" not in entry.value:
            message = f"the schedule {quoted(entry.name)} has neither `cron` nor `every`"
            advice = 'add `cron: "30 6 * * 1-5"` or `every: 15m`'
            yield finding("schedule-timing", entry.key_place(), message, advice)
        elif "cron" in entry.value and "every" in entry.value:
            message = f"the schedule {quoted(entry.name)} has both `cron` and `every`"
            advice = "keep one; for the other write a second schedule of the same task"
            yield finding("schedule-timing", entry.key_place("every"), message, advice)


def timezone_without_cron(facts: Facts) -> Iterator[Finding]:
    """`timezone` stands beside `cron` only."""
    for entry in facts.project.schedules.values():
        if "timezone" in entry.value and "every" in entry.value and "cron" not in entry.value:
            message = "`every` counts from 1970 in UTC: a time zone means nothing beside it"
            advice = "delete it, or write the times as `cron`"
            yield finding("timezone-without-cron", entry.key_place("timezone"), message, advice)


def timezone_unknown(facts: Facts) -> Iterator[Finding]:
    """`timezone` is a name of the IANA database."""
    for entry in facts.project.schedules.values():
        name = entry.value.get("timezone")
        if name is not None and zone_of(name) is None:
            message = f"there is no time zone {quoted(name)}"
            yield finding("timezone-unknown", entry.value_place("timezone"), message, _meant_zone(name))


def _meant_zone(name: str) -> str:
    """Say which name an unknown one may have meant: by its last part, too, for `Berlin` is known to everybody."""
    by_city = {known.rpartition("/")[2].lower(): known for known in sorted(zone_names(), reverse=True)}
    city = by_city.get(name.strip().lower().replace(" ", "_"))
    if city:
        return f"did you mean {city!r}?"
    inside = sorted(known for known in zone_names() if known.startswith(f"{name}/"))
    if inside:
        return f"name a place in it, such as {inside[0]}"
    otherwise = "a name of the IANA database, such as Europe/Berlin, America/New_York or Etc/UTC"
    if _ABBREVIATION.fullmatch(name):
        return "an abbreviation does not say when the clocks change: write the zone of a place, such as Europe/Berlin"
    if _OFFSET.fullmatch(name):
        return f"no distance from UTC, but {otherwise}"
    return suggestion(name, zone_names(), otherwise)


def schedule_catchup(facts: Facts) -> Iterator[Finding]:
    """`catchup` makes something up: its policy is not `none`, and its window is longer than `grace`."""
    for entry in facts.project.schedules.values():
        catchup = entry.below("catchup")
        if not catchup.value or any(map(catchup.failed, ("window", "policy"))) or entry.failed("grace"):
            continue
        window, grace = catchup.value["window"], entry.value.get("grace", _GRACE)
        if catchup.value.get("policy", "none") == "none":
            message = "nothing is made up with the policy `none`: the window has no effect"
            advice = "write `policy: latest` or `policy: all`, or delete `catchup`"
            yield finding("schedule-catchup", entry.key_place("catchup"), message, advice)
        elif window <= grace:
            message = (
                f"a window of {format_duration(window)} makes nothing up: slots that are late by up to "
                f"{format_duration(grace)}, the grace, fire anyway"
            )
            advice = f"a window of more than {format_duration(grace)}, or delete `catchup`"
            yield finding("schedule-catchup", catchup.value_place("window"), message, advice)
        elif catchup.value["policy"] == "all" and not entry.failed("overlap"):
            yield from _too_many(entry, catchup, _slots_within(facts, entry.name, window))


def _too_many(entry: Entry, catchup: Entry, slots: int) -> Iterator[Finding]:
    """Say where `all` makes up more, or less, than anybody means, of so many slots in its window."""
    overlap = entry.value.get("overlap", _OVERLAP)
    if slots > 1 and overlap != "allow":
        message = (
            f"of the slots that are made up together only one gets its job: with `overlap: {overlap}` others do not"
        )
        advice = (
            "`overlap: allow`, and a queue for the task where its jobs must not run side by side; or `policy: latest`"
        )
        yield finding("schedule-catchup", catchup.value_place("policy"), message, advice)
    elif slots > _MOST_MADE_UP:
        message = f"after an outage as long as the window about {slots:,} jobs are added"
        yield finding("schedule-catchup", catchup.value_place("window"), message, "a shorter window, or `latest`")


def _slots_within(facts: Facts, name: str, window: float) -> int:
    """Return about how many slots a schedule has in so many seconds, by those of a day; 0 where its timing is wrong."""
    read = facts.timings.get(name)
    if read is None or read.timing is None:
        return 0
    if isinstance(read.timing, Every):
        return int(window // read.timing.interval)
    times = read.timing.local_times(facts.now.replace(tzinfo=None))
    tomorrow = next(times) + timedelta(days=1)
    a_day = 1 + sum(1 for _ in takewhile(lambda time: time < tomorrow, times))
    return int(window / 86_400 * a_day)


def schedule_overlap(facts: Facts) -> Iterator[Finding]:
    """With `overlap: queue` slots come no faster than jobs are sure to end."""
    for name, read in facts.timings.items():
        entry = read.entry
        task = facts.project.tasks.get(entry.value.get("task", ""))
        if read.timing is None or task is None or entry.value.get("overlap") != "queue":
            continue
        owner, timeout = timeout_of(facts, task)
        gap = _smallest_gap(read.timing, facts.now, timeout)
        if owner.failed("timeout") or gap is None or gap >= timeout:
            continue
        message = (
            f"slots of {quoted(name)} come every {format_duration(gap)}, and a job of {quoted(task.name)} may run for "
            f"{format_duration(timeout)}: one slot waits meanwhile, others are skipped"
        )
        advice = f"a timeout of at most {format_duration(gap)}, slots further apart, or `overlap: skip`"
        related = (Related(owner.value_place("timeout"), "the timeout"),) if "timeout" in owner.value else ()
        yield finding("schedule-overlap", entry.value_place("overlap"), message, advice, related)


def timeout_of(facts: Facts, task: Entry) -> tuple[Entry, float]:
    """Return what gives a task its timeout, and how long that is."""
    owner = task if "timeout" in task.value or task.failed("timeout") else facts.project.task_defaults
    return owner, owner.value.get("timeout", _TIMEOUT)


def _smallest_gap(timing: Cron | Every, now: datetime, timeout: float) -> float | None:
    """Return the least seconds between two slots; None where one comes alone for a day, and for the timeout."""
    if isinstance(timing, Every):
        return timing.interval
    times = timing.local_times(now.replace(tzinfo=None))
    first = next(times)
    # Each day that has slots has them at the same times.
    reach = first + timedelta(seconds=max(timeout, 86_400))
    near = islice(takewhile(lambda time: time <= reach, times), _LOOKED_AT)
    return min(((after - before).total_seconds() for before, after in pairwise((first, *near))), default=None)
