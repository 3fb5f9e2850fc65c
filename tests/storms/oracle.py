"""The oracle: judges a storm by what the handlers wrote down, what was done to the runners, and what the database says.

The ledger knows nothing of the database: each line is written by one call of a handler, or by the storm itself. All
instants are `time.monotonic()`, one clock for all processes of a host.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Entry = Mapping[str, Any]
"""A line of the ledger: `event` (start, end, stopped; of a storm: kill, stop), `at`, `pid`, and what a job is."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended, in the words of the database; `times` is how often the database saw it end."""

    job: str
    n: int
    state: str
    attempt: int
    claims: int
    result: Any = None
    times: int = 1


@dataclass(frozen=True, slots=True)
class Attempt:
    """One start of a job. `over` is when its lease was over at the earliest: given up, its process dead or frozen."""

    job: str
    n: int
    claims: int
    attempt: int
    pid: int
    queue: str | None
    start: float
    over: float
    ended: bool

    def __str__(self) -> str:
        return f"job {self.job} (n {self.n}), claim {self.claims} in process {self.pid}"


def attempts_of(ledger: Sequence[Entry], frozen_for: float = math.inf) -> list[Attempt]:
    """Return every start in the ledger that may have had a lease. `frozen_for` are the seconds in which a frozen
    process keeps its leases: what it had claimed before and starts when it wakes up, after another has started it, has
    none.
    """
    given_up = {(each["job"], each["claims"]): each for each in ledger if each["event"] in ("end", "stopped")}
    stops = [each for each in ledger if each["event"] == "stop"]
    ends_of: dict[int, list[float]] = defaultdict(list)
    for each in ledger:
        if each["event"] == "kill":
            ends_of[each["pid"]].append(each["at"])
    for each in stops:
        ends_of[each["pid"]].append(each["at"] + frozen_for)
    found = []
    newest: dict[str, int] = defaultdict(int)
    for each in ledger:
        if each["event"] == "start":
            woke_up = any(stop["pid"] == each["pid"] and stop["at"] + frozen_for < each["at"] for stop in stops)
            if woke_up and each["claims"] < newest[each["job"]]:
                continue
            newest[each["job"]] = max(newest[each["job"]], each["claims"])
            last = given_up.get((each["job"], each["claims"]))
            over = [end for end in ends_of[each["pid"]] if end >= each["at"]]
            found.append(
                Attempt(
                    each["job"],
                    each["n"],
                    each["claims"],
                    each["attempt"],
                    each["pid"],
                    each["queue"],
                    each["at"],
                    min([*over, *([last["at"]] if last else [])], default=math.inf),
                    last is not None and last["event"] == "end",
                )
            )
    return sorted(found, key=lambda attempt: attempt.start)


def judge(
    attempts: Sequence[Attempt],
    endings: Sequence[Ending],
    *,
    added: Iterable[int],
    maybe: Iterable[int] = (),
    limits: Mapping[str, int],
    max_attempts: int,
) -> list[str]:
    """Return every broken promise, in words. `added` are the numbers of the jobs whose enqueue was acknowledged,
    `maybe` of those whose answer was lost; `limits` the concurrency of queues by what stands before the colon.
    """
    return [
        *_lost_or_doubled(endings, set(added), set(maybe)),
        *_overlapping(attempts),
        *_ended_by_a_zombie(attempts, endings),
        *_miscounted(attempts, endings, max_attempts),
        *_beyond_limits(attempts, limits),
        *_out_of_order(attempts, limits),
    ]


def recoveries(ledger: Sequence[Entry], attempts: Sequence[Attempt]) -> list[float]:
    """Return the seconds from each kill to the next start of each job that the killed process ran. Where one was lost
    again before it could start (its claims tell), the mean of these losses.
    """
    of_job: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        of_job[attempt.job].append(attempt)
    kills = {each["pid"]: each["at"] for each in ledger if each["event"] == "kill"}
    took = []
    for lost in attempts:
        if not lost.ended and kills.get(lost.pid) == lost.over:
            again = next((attempt for attempt in of_job[lost.job] if attempt.start > lost.over), None)
            took.append(math.inf if again is None else (again.start - lost.over) / (again.claims - lost.claims))
    return took


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that so large a share of the values does not exceed."""
    return sorted(values)[max(math.ceil(len(values) * share) - 1, 0)]


def _lost_or_doubled(endings: Sequence[Ending], added: set[int], maybe: set[int]) -> list[str]:
    """Every acknowledged job has ended, once, and well: no job of a storm has a reason to fail."""
    counted = Counter(ending.n for ending in endings)
    return [
        *(f"job n {n} was acknowledged and is lost" for n in sorted(added - counted.keys())),
        *(f"job n {n} is there {count} times" for n, count in sorted(counted.items()) if count > 1),
        *(f"job n {n} was never added" for n in sorted(counted.keys() - added - maybe)),
        *(
            f"job {ending.job} (n {ending.n}) is {ending.state}, and ended {ending.times} times"
            for ending in endings
            if ending.state != "succeeded" or ending.times != 1
        ),
    ]


def _overlapping(attempts: Sequence[Attempt]) -> list[str]:
    """No attempt starts while the lease of an earlier one of its job is valid."""
    of_job: dict[str, list[Attempt]] = defaultdict(list)
    broken = []
    for attempt in attempts:
        broken += [
            f"{attempt} started {earlier.over - attempt.start:.3f} s before {earlier} was over"
            for earlier in of_job[attempt.job]
            if attempt.start < earlier.over
        ]
        of_job[attempt.job].append(attempt)
    return broken


def _ended_by_a_zombie(attempts: Sequence[Attempt], endings: Sequence[Ending]) -> list[str]:
    """The end that was written is that of the newest claim, and its handler came to its end."""
    came_to_their_end = {(attempt.job, attempt.claims) for attempt in attempts if attempt.ended}
    broken = []
    for ending in endings:
        if ending.state == "succeeded":
            written_by = (ending.result or {}).get("claims")
            if written_by != ending.claims:
                broken.append(f"job {ending.job}: claim {written_by} wrote the end, and the newest was {ending.claims}")
            elif (ending.job, written_by) not in came_to_their_end:
                broken.append(f"job {ending.job}: claim {written_by} wrote the end, and its handler never came to it")
    return broken


def _miscounted(attempts: Sequence[Attempt], endings: Sequence[Ending], max_attempts: int) -> list[str]:
    """Claims grow with every start, attempts stay within their limit, and the last ones are what the database says."""
    broken = []
    newest: dict[str, Attempt] = {}
    for attempt in attempts:
        before = newest.get(attempt.job)
        if before is not None and attempt.claims <= before.claims:
            broken.append(f"{attempt} started after claim {before.claims}")
        if not 1 <= attempt.attempt <= max_attempts:
            broken.append(f"{attempt} is attempt {attempt.attempt} of {max_attempts}")
        newest[attempt.job] = attempt
    for ending in endings:
        last = newest.get(ending.job)
        if last is not None and last.claims > ending.claims:
            broken.append(f"{last} started, and the database knows {ending.claims} claims")
        if (
            last is not None
            and ending.state == "succeeded"
            and (last.claims, last.attempt)
            != (
                ending.claims,
                ending.attempt,
            )
        ):
            broken.append(f"{last} was attempt {last.attempt}, and the database says {ending.attempt}")
    return broken


def _beyond_limits(attempts: Sequence[Attempt], limits: Mapping[str, int]) -> list[str]:
    """At most so many leases of a queue are valid at once."""
    broken = []
    for queue, limit, of_queue in _by_queue(attempts, limits):
        for attempt in of_queue:
            valid = [each for each in of_queue if each.start <= attempt.start < each.over]
            if len(valid) > limit:
                broken.append(
                    f"{queue} ran {len(valid)} at once, and its limit is {limit}: {', '.join(map(str, valid))}"
                )
    return broken


def _out_of_order(attempts: Sequence[Attempt], limits: Mapping[str, int]) -> list[str]:
    """The jobs of a serial queue start in the order of their adding, and one that crashed keeps its place."""
    broken = []
    for queue, limit, of_queue in _by_queue(attempts, limits):
        numbers = [attempt.n for attempt in of_queue]
        if limit == 1 and numbers != sorted(numbers):
            broken.append(f"{queue} ran out of order: {numbers}")
    return broken


def _by_queue(attempts: Sequence[Attempt], limits: Mapping[str, int]) -> list[tuple[str, int, list[Attempt]]]:
    of_queue: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        if attempt.queue is not None:
            of_queue[attempt.queue].append(attempt)
    return [(queue, limits[queue.partition(":")[0]], found) for queue, found in of_queue.items()]
