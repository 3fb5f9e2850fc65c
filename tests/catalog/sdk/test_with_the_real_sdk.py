"""An application on the SDK of npm, unchanged: indexed, triggered, executed and resumed by the reference catalog."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from catalog.app.models import JobQueue, JobRun, RunStatus
from tests.catalog.platform import API_KEY, Platform
from tests.catalog.stage import every

pytestmark = pytest.mark.slow

JOBS = 9
"""Enabled jobs of shop.mjs."""


@pytest.fixture
def platform(database: str, shop_folder: Path, tmp_path: Path) -> Iterator[Platform]:
    """The API, a runner and the shop, which is indexed."""
    platform = Platform(tmp_path, shop_folder)
    try:
        platform.start_api()
        platform.start_shop()
        url = f"{platform.shop_url}/api/trigger"
        add = ("add-endpoint", url, "--api-key", API_KEY, "--environment", "DEVELOPMENT", "--slug", "shop")
        endpoint = platform.command("catalog.app", *add)
        platform.start_runner()
        platform.command("kongflow", "enqueue", "indexEndpoint", "--arg", f"id={endpoint}")
        platform.wait_for("the index", lambda: f"{JOBS} jobs" in platform.command("catalog.app", "endpoints"))
        yield platform
    finally:
        platform.stop()


def only(runs: list[JobRun]) -> JobRun:
    (run,) = runs
    return run


def slots_taken() -> list[int]:
    return [queue.job_count for queue in asyncio.run(every(JobQueue))]


def test_an_event_runs_the_job_that_listens_for_it_once(platform: Platform) -> None:
    platform.send("user.created", {"name": "Ada"}, id="evt_ada")
    platform.send("user.created", {"name": "Ada"}, id="evt_ada")
    platform.send("nobody.listens", {})

    run = only(platform.finished("greet"))

    assert (run.status, run.output) == (RunStatus.SUCCESS, {"hello": "Ada"})
    assert run.completed_at is not None
    assert len(platform.runs()) == 1, "nothing else, and the job that is switched off has none"


def test_a_run_is_carried_over_a_wait_and_a_retry_and_does_each_step_once(platform: Platform) -> None:
    platform.send("order.paid", {"order": "o_1", "plan": "pro"})
    platform.send("order.paid", {"order": "o_2", "plan": "free"})

    run = only(platform.finished("fulfil"))
    thanked = only(platform.finished("thank"))

    assert (run.status, run.output) == (RunStatus.SUCCESS, {"charge": "ch_o_1", "packed": {"attempts": 2}})
    assert (thanked.status, thanked.output) == (RunStatus.SUCCESS, {"thanked": "o_1"})
    assert platform.noted() == [["charged", run.id], ["packed", run.id]]


def test_a_failing_job_fails_its_run_with_its_own_words(platform: Platform) -> None:
    platform.send("order.lost", {"order": "o_1"})

    run = only(platform.finished("fail"))

    assert run.status is RunStatus.FAILURE
    assert run.output["message"] == "order o_1 is lost"


def test_a_run_that_waits_is_cancelled_and_gives_its_place_back(platform: Platform) -> None:
    platform.send("order.slow", {})
    platform.wait_for("its wait", lambda: any(run.status is RunStatus.STARTED for run in platform.runs("patience")))
    run = only(platform.runs("patience"))

    platform.call("POST", f"/api/v1/runs/{run.id}/cancel")

    assert only(platform.finished("patience")).status is RunStatus.CANCELED
    assert set(slots_taken()) == {0}


def test_a_job_is_called_by_its_name(platform: Platform) -> None:
    platform.call("POST", "/api/v1/jobs/called/invoke", {"payload": {"by": "name"}})

    run = only(platform.finished("called"))

    assert (run.status, run.output) == (RunStatus.SUCCESS, {"called": {"by": "name"}})


def test_a_fetch_in_the_background_is_done_by_the_platform(platform: Platform) -> None:
    platform.send("stock.asked", {"url": f"{platform.shop_url}/stock"})

    run = only(platform.finished("fetch"))

    assert (run.status, run.output) == (RunStatus.SUCCESS, {"left": 3})


def test_runs_of_a_serial_job_take_turns(platform: Platform) -> None:
    for number in range(5):
        platform.send("parcel.sent", {"n": number})

    runs = platform.finished("serial", 5)

    assert {run.status for run in runs} == {RunStatus.SUCCESS}
    turns = sorted((run.started_at, run.completed_at) for run in runs)
    assert all(ended <= started for (_, ended), (started, _) in pairwise(turns))
    assert sorted(word for word, _ in platform.noted()) == ["handed"] * 5
    assert set(slots_taken()) == {0}


def test_a_runner_that_is_killed_in_the_middle_changes_nothing_of_the_end(platform: Platform) -> None:
    for number in range(6):
        platform.send("order.paid", {"order": f"o_{number}", "plan": "pro"})
    platform.wait_for("work", lambda: len(platform.noted()) >= 3)

    platform.kill(platform.processes[-1])
    platform.start_runner()

    runs = platform.finished("fulfil", 6)
    assert {run.status for run in runs} == {RunStatus.SUCCESS}
    assert sorted(run.output["charge"] for run in runs) == [f"ch_o_{number}" for number in range(6)]
    assert sorted(platform.noted()) == sorted([word, run.id] for run in runs for word in ("charged", "packed"))
    assert {run.status for run in platform.finished("thank", 6)} == {RunStatus.SUCCESS}
    assert set(slots_taken()) == {0}
