"""Cron: the instants that a line of five fields means in a time zone, by one rule for the changes of its clocks.

The fields are parsed and matched by cronsim, on local times without a zone; which instants these are is decided here.
cronsim's own rule for a change of the clocks differs: it calls only a field that begins with `*` a repetition, and
asked between the two times of one local time it answers with the first
(https://github.com/cuu508/cronsim/blob/2.8/cronsim/cronsim.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from kongflow.core.clocks import moment_of_change

FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""What other crons call these lines; we take the lines only."""
NEARBY = timedelta(hours=26)
"""No clocks change by more: Samoa left out a day when it crossed the date line."""
MAX_LINE = 256
"""Characters of a line: a list of all 60 minutes has 169."""

_OF_ONE = re.compile(r"\b(\w+)-\1/\d+")
"""A range of one value with a step, which cronsim takes for "from that value on"."""


class CronError(ValueError):
    """What is wrong with a line, and what to write instead; `field`: in which of the five, counted from 0."""

    def __init__(self, message: str, hint: str, field: int | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.field = field


class NeverMatches(CronError):
    """A line without any slot."""

    def __init__(self) -> None:
        super().__init__("never matches", "no such day exists: correct the day or the month", 2)


@dataclass(frozen=True, slots=True)
class Cron:
    """A line in a time zone."""

    line: str
    zone: ZoneInfo
    _repeats: bool = field(init=False)
    """True where the line follows elapsed time through a change of the clocks: its minute or its hour is `*`, a step or
    a range. False where it names fixed times.
    """

    def __post_init__(self) -> None:
        minute, hour, *_ = self.line.split()
        object.__setattr__(self, "_repeats", any(sign in minute + hour for sign in "*-/"))

    @property
    def names_fixed_times(self) -> bool:
        """True where each time has one slot also when it does not exist, or exists twice."""
        return not self._repeats

    @property
    def text(self) -> str:
        """See Timing.text."""
        return f"{' '.join(self.line.split())} {self.zone.key}"

    @property
    def words(self) -> str:
        """See Timing.words."""
        said = CronSim(self.line, datetime(2000, 1, 1)).explain()
        return f"{said[:1].lower()}{said[1:]}"

    @classmethod
    def parse(cls, line: str, zone: ZoneInfo) -> Cron:
        """Return the cron of a line. Raises: CronError, also for a line that never matches."""
        _check_fields(line)
        cron = cls(line, zone)
        try:
            found = next(cron.local_times(datetime(2000, 1, 1)), None)
        except CronSimError as error:
            raise _refusal(line, error) from None
        if found is None:
            raise NeverMatches
        return cron

    def after(self, instant: datetime) -> datetime:
        """Return the first slot after an aware instant, in UTC. Raises: CronError where there is none in 50 years."""
        start = instant.astimezone(UTC)
        slack = self._change_near(start)
        found: datetime | None = None
        for local in self.local_times(_local(start, self.zone) - slack):
            if found is not None and local > _local(found, self.zone) + slack:
                return found
            for slot in self._instants(local):
                if slot > start and (found is None or slot < found):
                    slack, found = max(slack, self._change_near(slot)), slot
            if found is not None and not slack:
                return found  # far from any change of the clocks the slots come in the order of the local times
        if found is None:
            raise NeverMatches
        return found

    def local_times(self, after: datetime) -> Iterator[datetime]:
        """Yield the local times, without a zone, that the line names after another, whether they exist or not."""
        return CronSim(_OF_ONE.sub(r"\1", self.line), after)

    def _instants(self, local: datetime) -> Iterator[datetime]:
        """Yield the instants of a local time that matches: none, one, or two."""
        first, second = (local.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if _local(first, self.zone) != local:
            if not self._repeats:
                yield moment_of_change(self.zone, second, first)  # the first moment after
            return
        yield first
        if self._repeats and second != first:
            yield second

    def _change_near(self, instant: datetime) -> timedelta:
        """Return by how much the clocks change around an instant; 0 where they do not."""
        around = (instant - NEARBY, instant, instant + NEARBY)
        offsets = [each.astimezone(self.zone).utcoffset() or timedelta() for each in around]
        return max(offsets) - min(offsets)


def _local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def _check_fields(line: str) -> None:
    if len(line) > MAX_LINE:
        raise CronError(f"the line is longer than {MAX_LINE} characters", "several schedules may have one task")
    name = line.strip().lower()
    if name.startswith("@"):
        known = ALIASES.get(name)
        raise CronError(f"{line.strip()} is not a line of five fields", f'write "{known}"' if known else _FIVE)
    count = len(line.split())
    zone = _ZONE.search(line)
    if zone and count != 5:
        raise CronError("a time zone is no field of the line", f"write it beside the line: `timezone: {zone.group()}`")
    if count == 6:
        raise CronError(
            "six fields: some crons read seconds in the first, others in the last, so the same line has two meanings",
            "for seconds write `every: 10s`; a cron line has five fields, minute first",
        )
    if count != 5:
        raise CronError(f"{count} field{'s' if count != 1 else ''}, expected 5", _FIVE)


_ZONE = re.compile(r"[A-Za-z_]+/[A-Za-z_/]+")


_FIVE = "the fields are minute, hour, day of the month, month, day of the week, such as 30 6 * * 1-5"


def _refusal(line: str, error: CronSimError) -> CronError:
    """Say in our words what cronsim means by "Bad minute"."""
    names = ("minute", "hour", "day-of-month", "month", "day-of-week")
    said = str(error).removeprefix("Bad ")
    if said not in names:
        return CronError(str(error), _FIVE)
    index, written = names.index(said), line.split()
    if said == "day-of-month" and _is_a_line(" ".join((*written[:3], "*", written[4]))):
        return NeverMatches()
    ranges = ("0-59", "0-23", "1-31, L or LW", "1-12 or JAN-DEC", "0-7 or SUN-SAT, 5L, 1#2")
    article = "an" if FIELDS[index] == "hour" else "a"
    hint = _meant(written[index]) or f"{article} {FIELDS[index]} is {ranges[index]}; *, lists, steps"
    return CronError(f"{written[index]!r} is no {FIELDS[index]}", hint, index)


def _meant(field: str) -> str:
    """Say what to write for what other crons take, or nothing."""
    if field == "?":
        return "write *"
    backwards = re.fullmatch(r"(\d{1,2})-(\d{1,2})", field)
    if backwards and int(backwards[1]) > int(backwards[2]):
        return f"a range goes upwards: write it as two, {backwards[1]}-… and …-{backwards[2]}, joined by a comma"
    return ""


def _is_a_line(line: str) -> bool:
    try:
        CronSim(line, datetime(2000, 1, 1))
    except CronSimError:
        return False
    return True
