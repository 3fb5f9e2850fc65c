"""cancel, retry, run-now, reschedule and delete, by filter."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from kongflow import KongFlow
from kongflow.cli.jobs import matching
from kongflow.cli.jobs.change import Change, Changed
from kongflow.cli.jobs.matching import Interrupted, Matching
from kongflow.errors import JobNotFound, JobStateConflict, StoreBusy, StoreUnavailable
from tests.cli.conftest import Invoke

Enqueue = Callable[..., str]
Show = Callable[[str], dict[str, Any]]


@pytest.fixture
def failed(invoke: Invoke, enqueue: Enqueue) -> list[str]:
    """Two failed jobs, beside one that succeeded and one that waits for its time."""
    jobs = [enqueue("fail"), enqueue("fail")]
    enqueue("anything")
    invoke("run", "--once", exit_code=1)
    enqueue("anything", "--in", "1h")
    return jobs


def states(invoke: Invoke) -> Counter[str]:
    return Counter(job["state"] for job in json.loads(invoke("jobs", "list", "--json").stdout)["items"])


@pytest.mark.parametrize("meant", [["2"], ["--filter", "id:2", "--yes"]])
@pytest.mark.parametrize("verb", [["run-now"], ["reschedule", "--in", "1h"]])
def test_a_job_that_nobody_will_take_is_told(
    verb: list[str], meant: list[str], invoke: Invoke, enqueue: Enqueue, project: Path
) -> None:
    enqueue("anything", "--in", "1h")
    enqueue("linger", "--in", "1h")
    text = (project / "kongflow.yaml").read_text()
    (project / "kongflow.yaml").write_text(text.replace("  linger: {handler: job_handlers.linger}\n", ""))

    told = invoke("jobs", *verb, *meant).stderr

    assert "no living runner knows task 'linger'; it is not declared in " in told


def test_a_retried_job_without_a_runner_is_told_and_a_cancelled_one_is_not(invoke: Invoke, failed: list[str]) -> None:
    assert "no runner is alive" in invoke("jobs", "retry", *failed).stderr
    assert "no runner is alive" not in invoke("jobs", "cancel", *failed).stderr


def test_a_dry_run_counts_by_state_and_task_and_changes_nothing(invoke: Invoke, failed: list[str]) -> None:
    result = invoke("jobs", "retry", "--filter", "state:failed,succeeded", "--dry-run")

    assert [line.split() for line in result.stdout.splitlines()] == [
        ["JOBS", "STATE", "TASK"],
        ["2", "failed", "fail"],
        ["1", "succeeded", "anything"],
    ]
    assert result.stderr == "would retry 3 jobs, such as 3, 2, 1; nothing was done\n"
    assert states(invoke) == {"failed": 2, "succeeded": 1, "scheduled": 1}


def test_a_dry_run_tells_programs_too(invoke: Invoke, failed: list[str]) -> None:
    printed = json.loads(invoke("jobs", "cancel", "-f", "task:*", "--dry-run", "--json").stdout)

    # What has ended cannot be cancelled, and is not meant.
    assert (printed["schema"], printed["matched"]) == (1, 1)
    assert printed["counts"] == [{"task": "anything", "state": "scheduled", "count": 1}]
    assert [sample["id"] for sample in printed["samples"]] == ["4"]


@pytest.mark.parametrize("verb", ["retry", "cancel", "delete", "run-now"])
def test_a_dry_run_of_ids_counts_them(verb: str, invoke: Invoke, failed: list[str]) -> None:
    result = invoke("jobs", verb, *failed, "999", "--dry-run", exit_code=5)

    assert result.stdout.splitlines()[1].split() == ["2", "failed", "fail"]
    assert "there is no job '999'" in result.stderr
    assert states(invoke)["failed"] == 2


def test_all_that_failed_is_retried(invoke: Invoke, failed: list[str]) -> None:
    result = invoke("jobs", "retry", "--filter", "state:failed error:~user", "--yes")

    assert result.stderr.splitlines()[0] == "2 of 2 jobs: 2 retried"
    assert states(invoke) == {"ready": 2, "succeeded": 1, "scheduled": 1}


def test_programs_get_the_counts(invoke: Invoke, failed: list[str]) -> None:
    printed = json.loads(invoke("jobs", "cancel", "-f", "-task:nothing", "-y", "--json").stdout)

    assert printed == {"schema": 1, "matched": 1, "outcomes": {"cancelled": 1}, "refused": []}


def test_without_a_terminal_and_without_yes_nothing_is_done(invoke: Invoke, failed: list[str]) -> None:
    result = invoke("jobs", "retry", "--filter", "state:failed", exit_code=2)

    assert "this would retry 2 jobs (2 failed)" in result.stderr
    assert "--yes" in result.stderr
    assert states(invoke)["failed"] == 2


@pytest.mark.parametrize(("answer", "exit_code", "left"), [("y", 0, 0), ("n", 1, 2), ("", 1, 2)])
def test_a_person_is_asked(
    answer: str, exit_code: int, left: int, invoke: Invoke, failed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "_somebody_is_there", lambda: True)

    result = invoke("jobs", "delete", "--filter", "state:failed", stdin=f"{answer}\n", exit_code=exit_code)

    assert "delete 2 jobs (2 failed)? [y/N]" in result.stderr
    assert states(invoke)["failed"] == left


@pytest.mark.parametrize("verb", ["retry", "delete"])
def test_what_could_mean_every_job_must_say_which_states(verb: str, invoke: Invoke, failed: list[str]) -> None:
    told = invoke("jobs", verb, "--filter", "task:fail", "--yes", exit_code=2).stderr

    assert "'state:failed task:fail'" in told
    assert states(invoke)["failed"] == 2


def test_no_job_that_matches_is_no_failure(invoke: Invoke) -> None:
    assert invoke("jobs", "retry", "--filter", "state:failed").stderr == "no jobs match\n"


@pytest.mark.parametrize("arguments", [[], ["17", "--filter", "state:failed"]])
def test_ids_or_a_filter_are_given(arguments: list[str], invoke: Invoke) -> None:
    assert "give ids, or a --filter" in invoke("jobs", "cancel", *arguments, exit_code=2).stderr


def test_a_mistake_in_the_filter_is_pointed_at_before_anything_is_done(invoke: Invoke) -> None:
    assert "did you mean 'state'" in invoke("jobs", "cancel", "-f", "stat:ready", "-y", exit_code=2).stderr


def test_jobs_run_now(invoke: Invoke, enqueue: Enqueue, show: Show) -> None:
    later, other = enqueue("anything", "--in", "1h"), enqueue("anything", "--in", "1h")

    assert f"job {later} (anything) is ready" in invoke("jobs", "run-now", later).stderr
    assert "1 of 1 job: 1 may start" in invoke("jobs", "run-now", "-f", f"id:{other}", "--yes").stderr
    assert (show(later)["state"], show(other)["state"]) == ("ready", "ready")


def test_jobs_are_rescheduled(invoke: Invoke, enqueue: Enqueue, show: Show) -> None:
    job = enqueue("anything")

    told = invoke("jobs", "reschedule", job, "--at", "2100-01-02T03:04:05+01:00").stderr
    assert told.splitlines()[0] == f"job {job} (anything) is scheduled, starts at 2100-01-02T02:04:05.000Z"
    invoke("jobs", "reschedule", "--filter", "state:scheduled", "--in", "0s", "--yes")
    assert show(job)["state"] == "ready"


@pytest.mark.parametrize("arguments", [[], ["--in", "1h", "--at", "2100-01-01T00:00:00Z"], ["--at", "2100-01-01"]])
def test_a_reschedule_says_when_once(arguments: list[str], invoke: Invoke) -> None:
    invoke("jobs", "reschedule", "17", *arguments, exit_code=2)


@pytest.mark.parametrize("verb", [["run-now"], ["reschedule", "--in", "1h"]])
def test_what_has_ended_is_not_given_another_time(verb: list[str], invoke: Invoke, failed: list[str]) -> None:
    told = invoke("jobs", verb[0], failed[0], *verb[1:], exit_code=1).stderr

    assert f"job {failed[0]} has ended" in told


# --- what becomes of many --------------------------------------------------------------------------------------------


async def change(project: Path, jobs: int, act: Callable[[KongFlow, str], Any], *, as_json: bool = False) -> int:
    async def acting(flow: KongFlow, id: str) -> Changed:
        await act(flow, id)
        return Changed("changed", "", {})

    async with KongFlow.from_config(project / "kongflow.yaml") as flow:
        await flow.enqueue_many([("anything", None)] * jobs)
        return await Matching(flow, Change("change", acting), "task:anything", as_json).change_all(yes=True)


def test_each_job_has_an_outcome_of_its_own(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problems = {"1": JobNotFound("gone"), "2": JobStateConflict("it runs"), "3": StoreBusy("held")}

    async def act(flow: KongFlow, id: str) -> None:
        if id in problems:
            raise problems[id]

    assert asyncio.run(change(project, 5, act)) == 1
    assert capsys.readouterr().err.splitlines() == [
        "job 3: held",
        "job 2: it runs",
        "5 of 5 jobs: 2 changed, 1 busy, 1 refused, 1 gone",
    ]


def test_a_database_that_goes_away_says_how_far_it_came(project: Path) -> None:
    async def act(flow: KongFlow, id: str) -> None:
        if id == "100":
            raise StoreUnavailable("the server is away")

    with pytest.raises(StoreUnavailable, match=r"the server is away\n199 of 250 jobs: 199 changed; the same"):
        asyncio.run(change(project, 250, act))


def test_an_interruption_ends_with_the_batch_at_hand_and_says_how_far_it_came(project: Path) -> None:
    changed: list[str] = []

    async def act(flow: KongFlow, id: str) -> None:
        if id == "120":
            task.cancel()  # as Ctrl-C does
        await flow.cancel(id)
        changed.append(id)

    async def interrupted() -> int:
        nonlocal task
        task = asyncio.ensure_future(change(project, 250, act))
        return await task

    task: asyncio.Future[int]
    with pytest.raises(Interrupted, match=r"interrupted: 200 of 250 jobs: 200 changed; the same command goes on"):
        asyncio.run(interrupted())
    assert sorted(map(int, changed)) == list(range(51, 251))


def test_jobs_that_are_added_meanwhile_are_not_meant(project: Path) -> None:
    changed: list[str] = []

    async def act(flow: KongFlow, id: str) -> None:
        changed.append(id)
        await flow.enqueue("anything")

    assert asyncio.run(change(project, 3, act)) == 0
    assert sorted(changed) == ["1", "2", "3"]


def test_the_usage_error_of_a_filter_comes_before_the_database_is_asked() -> None:
    async def act(flow: KongFlow, id: str) -> Changed:
        raise AssertionError

    with pytest.raises(click.UsageError):
        Matching(None, Change("retry", act, needs_states=True), "task:x", False)  # type: ignore[arg-type]
