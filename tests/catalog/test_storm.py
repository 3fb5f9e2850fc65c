"""Many events, each for three jobs, while runners are killed: every run there is once, and ends well."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from catalog import PROJECT
from catalog.app.database import begin
from catalog.app.models import (
    EventDispatcher,
    JobQueue,
    JobRun,
    JobRunExecution,
    JobVersion,
    RegisteredJob,
    RunStatus,
)
from catalog.app.work import transaction
from catalog.eventing.ingest import RawEvent, ingest
from kongflow import KongFlow
from tests.catalog.platform import Platform
from tests.catalog.shop import open_shop
from tests.catalog.stage import Stage, every, set_stage

pytestmark = [pytest.mark.slow, pytest.mark.only_on("postgres")]

EVENTS, JOBS, KILLS, SECONDS_BETWEEN_KILLS = 1000, 3, 6, 5.0


@pytest.fixture
def shop() -> Iterator[str]:
    """Does every job at once; the schedule that indexes it anew gets no answer."""

    def answer(request: Any) -> Any:
        return None if request is None else {"status": "SUCCESS", "output": request["event"]["payload"]}

    with open_shop(answer) as url:
        yield url


@pytest.fixture
def platform(database: str, tmp_path: Path) -> Iterator[Platform]:
    platform = Platform(tmp_path, tmp_path)
    yield platform
    platform.stop()


async def listen(stage: Stage) -> None:
    """Let three jobs listen for the event, each with a queue of its own."""
    async with begin() as session:
        pattern = (await session.scalars(select(JobVersion))).one()
        for number in range(JOBS):
            job = RegisteredJob(slug=f"job-{number}", title="Job", internal=False, project_id=stage.project)
            queue = JobQueue(name=f"queue-{number}", max_jobs=10, environment_id=stage.environment)
            version = JobVersion(
                job=job,
                queue=queue,
                version="1.0.0",
                environment_id=stage.environment,
                endpoint_id=stage.endpoint,
                event_specification=pattern.event_specification,
                trigger=pattern.trigger,
                start_position="INITIAL",
                preprocess_runs=False,
            )
            session.add(version)
            await session.flush()
            session.add(
                EventDispatcher(
                    events=["order.paid"],
                    source="trigger.dev",
                    manual=False,
                    dispatchable_id=job.id,
                    dispatchable={"type": "JOB_VERSION", "id": version.id},
                    environment_id=stage.environment,
                )
            )


async def send_all(stage: Stage) -> None:
    async with KongFlow.from_config(PROJECT / "kongflow.yaml") as flow:
        for number in range(EVENTS):
            async with transaction(flow) as work:
                await ingest(work, stage.environment, RawEvent("order.paid", {"n": number}, id=f"evt_{number}"))


async def ended() -> int:
    async with begin() as session:
        is_final = [status for status in RunStatus if status.is_final]
        counted = select(func.count()).select_from(JobRun).where(JobRun.status.in_(is_final))
        return (await session.scalars(counted)).one()


async def outcome() -> dict[str, Any]:
    return {
        "statuses": Counter(run.status for run in await every(JobRun)),
        "runs of an event and job": Counter((run.event_id, run.job_id) for run in await every(JobRun)),
        "outputs": Counter(run.output["n"] for run in await every(JobRun)),
        "open executions": [each.id for each in await every(JobRunExecution) if each.completed_at is None],
        "slots taken": [queue.job_count for queue in await every(JobQueue)],
    }


def test_no_run_is_lost_or_doubled_while_runners_die(platform: Platform, shop: str, monkeypatch: Any) -> None:
    stage = asyncio.run(set_stage(shop))
    asyncio.run(listen(stage))
    runners = [platform.start_runner() for _ in range(2)]
    sending = threading.Thread(target=lambda: asyncio.run(send_all(stage)))
    sending.start()

    for _, turn in zip(range(KILLS), cycle(range(2)), strict=False):
        time.sleep(SECONDS_BETWEEN_KILLS)
        platform.kill(runners[turn])
        runners[turn] = platform.start_runner()
    sending.join()
    platform.wait_for("the end of all runs", lambda: asyncio.run(ended()) == EVENTS * JOBS, 1800, every=2)

    came = asyncio.run(outcome())
    assert came["statuses"] == {RunStatus.SUCCESS: EVENTS * JOBS}
    assert set(came["runs of an event and job"].values()) == {1}
    assert came["outputs"] == dict.fromkeys(range(EVENTS), JOBS)
    assert came["open executions"] == []
    assert set(came["slots taken"]) == {0}
