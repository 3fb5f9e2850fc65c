"""One operation on all jobs that a filter means: counted and asked for first, then job by job in batches.

Each job is a transaction of its own, so that nobody is kept out for long and an interruption leaves no half work.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence

import click

from kongflow.app import KongFlow
from kongflow.cli.jobs.change import Change
from kongflow.cli.jobs.shape import job_json, state_word
from kongflow.cli.output import emit_json, error, escape, note, print_table
from kongflow.cli.serving import warn_if_unserved
from kongflow.core.job import Job, JobState
from kongflow.core.json import Json
from kongflow.engine.arguments import filter_terms
from kongflow.errors import JobNotFound, KongFlowError, StoreBusy, StoreError
from kongflow.store.records import JobCount, JobFilter

BATCH = 100
"""Jobs between two chances to stop; their payloads, of 1 MiB at most, are in memory at once."""
AT_ONCE = 8
"""Of these, changed at the same time: below the ten connections of a pool."""
TELL = 5.0
"""Seconds between two lines of progress."""
SHOWN = 10
"""Refusals that are told one by one, and samples of a dry run: the first ones explain the others."""


class Interrupted(KongFlowError):
    """Ctrl-C between two batches."""

    exit_code = 130


async def count_ids(flow: KongFlow, change: Change, ids: Sequence[str], as_json: bool) -> int:
    """The dry run where ids are given; one that no job has is told, and gives the exit code."""
    code = 0
    jobs = []
    for id in dict.fromkeys(ids):
        try:
            jobs.append(await flow.get(id))
        except JobNotFound as missing:
            error(str(missing))
            code = missing.exit_code
    counts = Counter((job.task, job.state) for job in jobs)
    in_order = [JobCount(task, state, count) for (task, state), count in counts.most_common()]
    _tell_counts(change, in_order, as_json, [job_json(job, flow.catalog) for job in jobs[:SHOWN]])
    return code


class Matching:
    """An operation on the jobs that a filter means, and what has become of how many so far.

    Raises: InvalidFilter; click.UsageError where it does not say which states, and should.
    """

    def __init__(self, flow: KongFlow, change: Change, filter: str, as_json: bool) -> None:
        self._flow = flow
        self._change = change
        self._wanted = _wanted(change, filter)
        self._as_json = as_json
        self._matched = 0
        self._outcomes: Counter[str] = Counter()
        self._refused: list[tuple[str, str]] = []
        self._waiting: dict[tuple[object, ...], Job] = {}
        """One of each kind that is to start."""
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def count(self) -> int:
        """The dry run. Return the exit code."""
        counts = await self._flow.store.count_jobs(self._wanted)
        samples = (await self._flow.store.list_jobs(self._wanted, SHOWN)).items
        _tell_counts(self._change, counts, self._as_json, [job_json(job, self._flow.catalog) for job in samples])
        return 0

    async def change_all(self, *, yes: bool) -> int:
        """Count, ask where somebody can answer, change, and say what became of how many. Return the exit code.

        Raises: Interrupted, with the batch at hand done; StoreError. Both say how far it came.
        """
        counts = await self._flow.store.count_jobs(self._wanted)
        self._matched = sum(each.count for each in counts)
        if counts and not yes and not _agreed(self._change, counts):
            note("nothing was done")
            return 1
        if counts:
            await self._change_batches()
        self._tell()
        await warn_if_unserved(self._flow, list(self._waiting.values())[:SHOWN])
        return 1 if self._outcomes["refused"] or self._outcomes["busy"] else 0

    async def _change_batches(self) -> None:
        """Go from the newest job to the oldest; jobs that are added meanwhile are not meant."""
        cursor, told = None, time.monotonic()
        while True:
            batch = asyncio.ensure_future(self._batch(cursor))
            try:
                cursor = await asyncio.shield(batch)
            except asyncio.CancelledError:  # Ctrl-C: nothing else cancels a command
                await batch
                raise Interrupted(f"interrupted: {self._so_far()}; the same command goes on with the rest") from None
            except StoreError as failure:
                failure.args = (f"{failure}\n{self._so_far()}; the same command goes on with the rest",)
                raise
            if cursor is None:
                return
            if time.monotonic() - told >= TELL:
                told = time.monotonic()
                note(f"{self._outcomes.total():,} of {self._matched:,} …")

    async def _batch(self, cursor: str | None) -> str | None:
        page = await self._flow.store.list_jobs(self._wanted, BATCH, cursor)
        failures = [each for each in await asyncio.gather(*(self._one(job.id) for job in page.items)) if each]
        if failures:
            raise failures[0]
        return page.next_cursor

    async def _one(self, id: str) -> StoreError | None:
        """Change one job; what keeps the database from all of them is returned."""
        async with self._slots:
            try:
                changed = await self._change.act(self._flow, id)
                outcome = changed.outcome
                if (job := changed.waits) is not None:
                    self._waiting.setdefault((job.task, job.queue, job.flags), job)
            except JobNotFound:
                outcome = "gone"
            except StoreBusy as busy:
                outcome = "busy"
                self._refused.append((id, str(busy)))
            except StoreError as failure:
                return failure
            except KongFlowError as refusal:
                outcome = "refused"
                self._refused.append((id, str(refusal)))
        self._outcomes[outcome] += 1
        return None

    def _tell(self) -> None:
        if self._as_json:
            refused = [{"id": id, "why": why} for id, why in self._refused[:SHOWN]]
            emit_json({"matched": self._matched, "outcomes": dict(self._outcomes), "refused": refused})
            return
        for id, why in self._refused[:SHOWN]:
            note(f"job {id}: {why}")
        if len(self._refused) > SHOWN:
            note(f"and {len(self._refused) - SHOWN:,} more")
        note(self._so_far() if self._matched else "no jobs match")

    def _so_far(self) -> str:
        parts = ", ".join(f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in self._outcomes.most_common())
        return f"{self._outcomes.total():,} of {_jobs(self._matched)}{': ' if parts else ''}{parts}"


def _wanted(change: Change, filter: str) -> JobFilter:
    terms = filter_terms(filter)
    if change.needs_states and not any(term.field in ("state", "reason", "id") for term in terms):
        raise click.UsageError(
            f"to {change.verb} by a filter, say which states it means, as in --filter 'state:failed {filter}': as it "
            "is, it means all of them"
        )
    return JobFilter(tuple(state for state in JobState if not state.is_final) if change.live_only else (), terms=terms)


def _agreed(change: Change, counts: Sequence[JobCount]) -> bool:
    """Ask the person. Raises: click.UsageError where nobody can answer."""
    by_state: Counter[str] = Counter()
    for each in counts:
        by_state[each.state] += each.count
    states = ", ".join(f"{count:,} {state}" for state, count in by_state.most_common())
    what = f"{change.verb} {_jobs(by_state.total())} ({states})"
    if not _somebody_is_there():
        raise click.UsageError(f"this would {what}, and nobody can be asked here: add --yes, or --dry-run to see more")
    return _confirmed(f"{what}?")


def _confirmed(question: str) -> bool:
    """Ask for a yes. Ctrl-C means no: the loop, which stands still meanwhile, would only take note of it."""
    of_the_loop = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return click.confirm(question, err=True)
    finally:
        signal.signal(signal.SIGINT, of_the_loop)


def _somebody_is_there() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _tell_counts(change: Change, counts: Sequence[JobCount], as_json: bool, samples: Sequence[dict[str, Json]]) -> None:
    matched = sum(each.count for each in counts)
    if as_json:
        listed = [{"task": each.task, "state": str(each.state), "count": each.count} for each in counts]
        emit_json({"matched": matched, "counts": listed, "samples": list(samples)})
        return
    if counts:
        rows = [(f"{each.count:,}", state_word(each.state), escape(each.task)) for each in counts]
        print_table(("JOBS", "STATE", "TASK"), rows)
    such = f", such as {', '.join(str(sample['id']) for sample in samples)}" if samples else ""
    note(f"would {change.verb} {_jobs(matched)}{such}; nothing was done")


def _jobs(count: int) -> str:
    return f"{count:,} {'job' if count == 1 else 'jobs'}"
