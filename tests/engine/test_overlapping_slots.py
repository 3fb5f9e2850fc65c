"""Schedules whose jobs outlast their period, with two runners on stores of their own: never two jobs at once."""

from __future__ import annotations

import asyncio
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
from tests.storms.slots import Decided

pytestmark = pytest.mark.anyio

PERIOD = 0.2
SLOTS = 10
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

    def outcomes(self) -> set[SlotOutcome]:
        return {each.outcome for each in self.decided}

    def notes(self, outcome: SlotOutcome) -> set[str]:
        """Why, without the numbers of jobs."""
        notes = (each.note for each in self.decided if each.outcome is outcome)
        return {"".join(char for char in note if not char.isdigit()) for note in notes}


async def worked(folder: Path, hall: Hall, overlap: str, retry: RetryPolicy = SOON) -> Aftermath:
    """Let two runners work on many slots, and drain."""
    often = make_schedule("often", PERIOD, overlap=overlap)
    tasks = {"work": {"run": hall.work, "retry": retry}}
    async with open_clockwork(folder, tasks, often, runners=2) as clockwork:
        await clockwork.start()
        await clockwork.until_decided("often", SLOTS)
        for site in clockwork.sites:
            await site.stop()
        waited = {each.slot for site in clockwork.sites for each in site.of(SlotWaits)}
        aftermath = Aftermath(await clockwork.decided(), await clockwork.jobs(), waited)
    added = [each for each in aftermath.decided if each.outcome is SlotOutcome.ADDED]
    assert len(added) > 2
    assert [(job.id, job.payload["ts"]) for job in aftermath.jobs] == [
        (each.job, slot_text(each.slot.at)) for each in added
    ]
    return aftermath


def one_after_the_other(hall: Hall) -> bool:
    """Say whether each job had ended when the next one started."""
    return hall.order == [each for _, job in hall.order[::2] for each in (("start", job), ("end", job))]


async def test_allow_lets_jobs_run_side_by_side(tmp_path: Path) -> None:
    hall = Hall(3 * PERIOD)
    allowed = await worked(tmp_path, hall, "allow")

    assert hall.most > 1
    assert allowed.outcomes() == {SlotOutcome.ADDED}


async def test_skip_leaves_out_the_slots_beside_a_job(tmp_path: Path) -> None:
    hall = Hall(3 * PERIOD)
    skipped = await worked(tmp_path, hall, "skip")

    assert one_after_the_other(hall)
    assert skipped.outcomes() == {SlotOutcome.ADDED, SlotOutcome.SKIPPED}
    assert skipped.notes(SlotOutcome.SKIPPED) == {"job  has not ended"}
    assert skipped.waited == set()


async def test_queue_adds_the_slot_that_waits_after_the_end(tmp_path: Path) -> None:
    hall = Hall(3 * PERIOD)
    queued = await worked(tmp_path, hall, "queue")

    assert one_after_the_other(hall)
    assert queued.notes(SlotOutcome.SKIPPED) <= {"an earlier slot waits"}
    waited = [each for each in queued.decided if slot_text(each.slot.at) in queued.waited]
    assert len(waited) > 2
    assert {each.outcome for each in waited[:-1]} == {SlotOutcome.ADDED}


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
