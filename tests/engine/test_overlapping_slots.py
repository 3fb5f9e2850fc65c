"""Schedules whose jobs outlast their period, with two runners on stores of their own: never two jobs at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.job import Job, JobState, Reason
from kongflow.core.retry import Backoff, RetryPolicy
from kongflow.core.schedule import SlotOutcome, slot_text
from kongflow.engine.context import JobContext
from kongflow.engine.slot_events import SlotWaits
from tests.engine.clockwork import make_schedule, open_clockwork
from tests.engine.waiting import until_async
from tests.storms.slots import Decided

pytestmark = pytest.mark.anyio

PERIOD = 0.2
LONGER = 1.5 * PERIOD
SOON = RetryPolicy(backoff=Backoff.CONSTANT, initial_delay=PERIOD, jitter=0.0)
"""Retries that begin when a slot comes."""
LATER = replace(SOON, initial_delay=3600.0)


class Hall:
    """Counts who is in, and keeps who comes in for a while."""

    def __init__(self, seconds: float, *, fails: bool = False) -> None:
        self.seconds, self.fails = seconds, fails
        self.inside = self.most = 0
        self.order: list[tuple[str, str]] = []

    async def work(self, payload: Any, job: JobContext) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.order.append(("start", job.id))
        try:
            await asyncio.sleep(self.seconds)
            if self.fails and job.attempt == 1:
                raise ConnectionError("the other side is away")
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)  # whoever tidies up is not gone
            raise
        finally:
            self.order.append(("end", job.id))
            self.inside -= 1


@dataclass(frozen=True)
class Aftermath:
    """What came of the slots of a schedule on which two runners have worked."""

    decided: list[Decided]
    jobs: list[Job]
    waited: set[str]
    """Slots of which a runner said that they wait."""

    def of(self, outcome: SlotOutcome) -> list[Decided]:
        return [each for each in self.decided if each.outcome is outcome]

    def outcomes(self) -> set[SlotOutcome]:
        return {each.outcome for each in self.decided}

    def waited_and_decided(self) -> list[Decided]:
        return [each for each in self.decided if slot_text(each.slot.at) in self.waited]

    def notes(self, outcome: SlotOutcome) -> set[str]:
        """Why, without the numbers of jobs."""
        return {"".join(char for char in each.note if not char.isdigit()) for each in self.of(outcome)}


def three_were_added(aftermath: Aftermath) -> bool:
    return len(aftermath.of(SlotOutcome.ADDED)) > 2


async def worked(
    folder: Path,
    hall: Hall,
    overlap: str,
    retry: RetryPolicy = SOON,
    enough: Callable[[Aftermath], bool] = three_were_added,
) -> Aftermath:
    """Let two runners work on slots until it is enough, and drain."""
    often = make_schedule("often", PERIOD, overlap=overlap)
    tasks = {"work": {"run": hall.work, "retry": retry}}
    async with open_clockwork(folder, tasks, often, runners=2) as clockwork:

        async def aftermath() -> Aftermath:
            waited = {each.slot for site in clockwork.sites for each in site.of(SlotWaits)}
            return Aftermath(await clockwork.decided(), await clockwork.jobs(), waited)

        async def is_enough() -> bool:
            return enough(await aftermath())

        await clockwork.start()
        await until_async(is_enough)
        for site in clockwork.sites:
            await site.stop()
        found = await aftermath()
    assert [(job.id, job.payload["ts"]) for job in found.jobs] == [
        (each.job, slot_text(each.slot.at)) for each in found.of(SlotOutcome.ADDED)
    ]
    return found


def one_after_the_other(hall: Hall) -> bool:
    """Say whether each job had ended when the next one started."""
    return hall.order == [each for _, job in hall.order[::2] for each in (("start", job), ("end", job))]


async def test_allow_lets_jobs_run_side_by_side(tmp_path: Path) -> None:
    hall = Hall(LONGER)
    allowed = await worked(tmp_path, hall, "allow", enough=lambda _: hall.most > 1)

    assert allowed.outcomes() == {SlotOutcome.ADDED}


async def test_skip_leaves_out_the_slots_beside_a_job(tmp_path: Path) -> None:
    hall = Hall(LONGER)
    skipped = await worked(
        tmp_path,
        hall,
        "skip",
        enough=lambda each: three_were_added(each) and bool(each.of(SlotOutcome.SKIPPED)),
    )

    assert one_after_the_other(hall)
    assert skipped.outcomes() == {SlotOutcome.ADDED, SlotOutcome.SKIPPED}
    assert skipped.notes(SlotOutcome.SKIPPED) == {"job  has not ended"}
    assert skipped.waited == set()


async def test_queue_adds_the_slot_that_waits_after_the_end(tmp_path: Path) -> None:
    hall = Hall(LONGER)
    queued = await worked(tmp_path, hall, "queue", enough=lambda each: len(each.waited_and_decided()) > 2)

    assert one_after_the_other(hall)
    assert queued.notes(SlotOutcome.SKIPPED) <= {"an earlier slot waits"}
    assert {each.outcome for each in queued.waited_and_decided()[:-1]} == {SlotOutcome.ADDED}


async def test_cancel_running_starts_the_newest_slot_when_the_job_before_has_ended(tmp_path: Path) -> None:
    hall = Hall(60.0)
    cancelled = await worked(tmp_path, hall, "cancel_running")

    assert one_after_the_other(hall)
    assert cancelled.notes(SlotOutcome.SKIPPED) <= {"a newer slot came while it waited"}
    assert {(job.state, job.reason) for job in cancelled.jobs[:-1]} == {(JobState.CANCELLED, Reason.REQUEST)}


@pytest.mark.parametrize("overlap", ["skip", "queue", "cancel_running"])
async def test_a_retry_and_a_slot_that_come_together_never_run_together(tmp_path: Path, overlap: str) -> None:
    hall = Hall(PERIOD / 10, fails=True)
    await worked(tmp_path, hall, overlap)

    assert one_after_the_other(hall)


@pytest.mark.parametrize("overlap", ["skip", "queue"])
async def test_a_job_that_waits_for_its_retry_gives_way(tmp_path: Path, overlap: str) -> None:
    hall = Hall(0.0, fails=True)
    superseded = await worked(tmp_path, hall, overlap, LATER)

    assert one_after_the_other(hall)
    assert {(job.state, job.reason) for job in superseded.jobs[:-1]} == {(JobState.CANCELLED, Reason.SUPERSEDED)}
