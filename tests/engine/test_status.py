"""What is told of how things stand, and what counts as wrong. Pure: an overview and a catalog go in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kongflow.core.job import JobState
from kongflow.core.payload_template import PayloadTemplate
from kongflow.core.queue import Queue, QueueRules
from kongflow.core.schedule import DecidedSlot, Every, Schedule, Slot, SlotOutcome
from kongflow.engine.problems import MOST_OF_A_KIND, Problem, ProblemKind
from kongflow.engine.status import QueueStatus, Status, status_of
from kongflow.store.overview import Overview
from kongflow.store.records import LiveJobs, Pause, RunnerView
from kongflow.store.timetable import ScheduleState, ScheduleView
from tests.builders import make_catalog

NOW = datetime(2026, 11, 30, tzinfo=UTC)
CATALOG = replace(
    make_catalog(
        send={"queue": "mail"},
        report={},
        tombstones={"old_mail": "send", "old_report": None},
        schedules=(Schedule("hourly", Every(3600.0), "report", PayloadTemplate.parse({})),),
    ),
    queues=QueueRules({"mail": Queue("mail", 2, max_wait=60.0), "runs:*": Queue("runs:*", 1, max_wait=10.0)}),
    file="kongflow.yaml",
)


def runner(**fields: Any) -> RunnerView:
    defaults: dict[str, Any] = {
        "id": 1, "host": "web", "pid": 7, "queues": ("*",), "tasks": ("send", "report"), "forbidden_flags": (),
        "config_hash": "c", "in_force": True, "running": 0, "seen": 1.0, "alive": True,
        "ticks": True,
    }  # fmt: skip
    return RunnerView(**(defaults | fields))


def jobs(
    state: JobState = JobState.READY,
    count: int = 1,
    waited: float = 1.0,
    task: str = "send",
    queue: str | None = "mail",
    flags: tuple[str, ...] = (),
) -> LiveJobs:
    return LiveJobs(task, queue, flags, state, count, waited)


def told(*groups: LiveJobs, runners: tuple[RunnerView, ...] = (runner(),), **fields: Any) -> Status:
    overview = Overview(
        NOW, groups, runners, fields.pop("rules", CATALOG.queues), fields.pop("pauses", ()), fields.pop("schedules", ())
    )
    return status_of(overview, CATALOG)


def only(status: Status) -> Problem:
    (problem,) = status.problems
    return problem


def queue(status: Status, name: str | None) -> QueueStatus:
    (found,) = (each for each in status.queues if each.queue == name)
    return found


def test_an_idle_installation_is_healthy_also_without_a_runner() -> None:
    assert told().healthy
    assert told(runners=()).healthy
    assert told(jobs(JobState.SCHEDULED, waited=-60.0), runners=()).healthy


def test_every_declared_queue_is_shown_and_a_pattern_has_the_jobs_of_all_its_names() -> None:
    status = told(
        jobs(count=3, waited=20.0),
        jobs(JobState.BLOCKED, count=2, waited=30.0),
        jobs(JobState.RUNNING, count=2),
        jobs(JobState.RETRYING, waited=-5.0),
        jobs(queue="runs:1", waited=4.0),
        jobs(queue="runs:2", waited=7.0),
        jobs(queue=None, task="report", waited=-0.001),
    )
    assert status.healthy
    assert queue(status, "mail") == QueueStatus("mail", 5, 1, 2, 30.0, 60.0)
    assert queue(status, "runs:*") == QueueStatus("runs:*", 2, 0, 0, 7.0, 10.0)
    assert queue(status, None) == QueueStatus(None, 1, 0, 0, 0.0)


def test_jobs_that_wait_without_any_runner_are_a_problem() -> None:
    problem = only(told(jobs(count=1200), runners=()))
    assert (problem.kind, problem.what) == (ProblemKind.NO_RUNNER, "1,200 jobs wait and no runner is alive")
    assert problem.remedy == "start one: kongflow run"


def test_a_queue_whose_oldest_job_has_waited_longer_than_max_wait_is_late() -> None:
    assert told(jobs(waited=60.0)).healthy
    problem = only(told(jobs(waited=60.5)))
    assert (problem.kind, problem.subject) == (ProblemKind.LATE, "mail")
    assert problem.what == "its oldest job has waited 1m, max_wait is 1m"
    assert "kongflow jobs list -f 'queue:mail state:ready,blocked'" in problem.remedy


def test_each_name_of_a_pattern_is_late_by_itself_the_worst_first() -> None:
    status = told(*(jobs(queue=f"runs:{n}", waited=float(n)) for n in (5, 12, 30, 11)))
    assert [problem.subject for problem in status.problems] == ["runs:30", "runs:12", "runs:11"]


@pytest.mark.parametrize("paused", ["runs:1", "runs:*"])
def test_a_paused_queue_is_shown_and_no_problem(paused: str) -> None:
    pause = Pause(paused, "the provider is down", "ana", NOW)
    status = told(jobs(queue="runs:1", waited=99.0), pauses=(pause,))
    assert status.healthy
    assert status.pauses == (pause,)
    assert queue(status, "runs:*").pause == (pause if paused == "runs:*" else None)


def test_scheduled_and_running_jobs_are_never_late() -> None:
    assert told(jobs(JobState.RUNNING, waited=999.0), jobs(JobState.SCHEDULED, waited=999.0)).healthy


# --- tasks -----------------------------------------------------------------------------------------------------------


def test_jobs_of_a_task_that_nobody_knows_are_told_with_what_to_do() -> None:
    problem = only(told(jobs(task="sned", count=3), jobs(JobState.SCHEDULED, task="sned", count=2)))
    assert (problem.kind, problem.subject) == (ProblemKind.REMOVED_TASK, "sned")
    assert problem.what == (
        "5 jobs wait: no living runner knows it, and it is not declared in kongflow.yaml; did you mean 'send'?"
    )
    assert problem.remedy.endswith("or cancel them: kongflow jobs cancel -f task:sned")


def test_jobs_of_a_declared_task_that_no_living_runner_knows_need_a_restart() -> None:
    problem = only(told(jobs(task="report"), runners=(runner(tasks=("send",)),)))
    assert problem.what == "1 job waits: no living runner knows it"
    assert "restart the runners" in problem.remedy


@pytest.mark.parametrize(("task", "end"), [("old_mail", "moves them to 'send'"), ("old_report", "cancels them")])
def test_jobs_of_a_task_with_a_tombstone_wait_for_a_runner_that_has_it(task: str, end: str) -> None:
    problem = only(told(jobs(task=task)))
    assert "it is gone in kongflow.yaml" in problem.what
    assert f"a runner with this configuration {end}" in problem.remedy


def test_without_a_living_runner_the_file_says_which_tasks_there_are() -> None:
    status = told(jobs(task="lost"), jobs(), runners=())
    assert [(problem.kind, problem.subject) for problem in status.problems] == [
        (ProblemKind.NO_RUNNER, ""),
        (ProblemKind.REMOVED_TASK, "lost"),
    ]


def test_a_removed_task_that_still_runs_is_no_problem() -> None:
    assert told(jobs(JobState.RUNNING, task="lost")).healthy


# --- who takes them --------------------------------------------------------------------------------------------------


def test_jobs_of_a_queue_that_no_living_runner_serves_are_told() -> None:
    problem = only(told(jobs(count=500), runners=(runner(queues=("runs:*",)),)))
    assert (problem.kind, problem.subject) == (ProblemKind.UNSERVED, "send")
    assert problem.what == "500 jobs wait: no living runner that knows task 'send' serves queue 'mail'"
    assert problem.remedy == "start a runner that takes them; what waits: kongflow jobs list -f task:send"


def test_all_names_of_a_pattern_that_nobody_serves_are_one_problem() -> None:
    groups = [jobs(queue=f"runs:{number}") for number in range(50)]
    assert "50 jobs wait" in only(told(*groups, runners=(runner(queues=("mail",)),))).what
    assert told(*groups, runners=(runner(queues=("mail",)), runner(queues=("runs:*",)))).healthy


def test_jobs_with_a_flag_that_every_living_runner_forbids_are_told() -> None:
    forbidding = (runner(forbidden_flags=("gpu",)),)
    problem = only(told(jobs(flags=("gpu",)), jobs(), runners=forbidding))
    assert (problem.kind, problem.what) == (
        ProblemKind.UNSERVED,
        "1 job waits: every living runner that knows task 'send' forbids one of its flags: gpu",
    )
    assert told(jobs(flags=("gpu",)), runners=(*forbidding, runner(id=2))).healthy


def test_what_waits_for_its_time_or_its_queue_is_nobodys_problem_yet() -> None:
    elsewhere = (runner(queues=("runs:*",)),)
    assert told(jobs(JobState.SCHEDULED), jobs(JobState.UNROUTED, queue=None), runners=elsewhere).healthy


# --- queues ----------------------------------------------------------------------------------------------------------


def test_jobs_in_a_queue_that_no_rule_matches_are_told() -> None:
    status = told(jobs(queue="mial", count=2))
    problem = only(status)
    assert (problem.kind, problem.subject) == (ProblemKind.UNDECLARED_QUEUE, "mial")
    assert "2 jobs wait: no rule in force matches it" in problem.what
    assert "did you mean 'mail'?" in problem.remedy
    assert (queue(status, "mial").waiting, queue(status, "mial").declared) == (2, False)


def test_an_unrouted_job_in_an_undeclared_queue_is_left_to_who_routes_it() -> None:
    assert told(jobs(JobState.UNROUTED, queue="mial")).healthy


def test_a_queue_that_the_file_declares_and_no_runner_obeys_needs_a_restart() -> None:
    problem = only(told(jobs(), rules=QueueRules()))
    assert (problem.kind, problem.subject) == (ProblemKind.UNDECLARED_QUEUE, "mail")
    assert "restart the runners with this configuration" in problem.remedy


def test_a_name_is_quoted_for_the_filter_and_for_the_shell() -> None:
    problem = only(told(jobs(queue='it\'s "odd", yes')))
    assert '-f \'queue:"it\'"\'"\'s \\"odd\\", yes"\'' in problem.remedy


# --- runners ---------------------------------------------------------------------------------------------------------


def test_a_dead_runner_that_holds_jobs_is_a_problem() -> None:
    dead = runner(id=2, pid=8, alive=False, running=3, seen=5_000.0)
    problem = only(told(runners=(runner(), dead)))
    assert (problem.kind, problem.subject) == (ProblemKind.DEAD_RUNNER, "web:8")
    assert problem.what == "silent for 1h23m20s, and it still holds 3 jobs"
    assert "the other runners take them" in problem.remedy
    assert "start a runner" in only(told(runners=(dead,))).remedy


def test_a_runner_that_died_is_told_of_for_ten_minutes() -> None:
    assert "died 5m ago" in only(told(runners=(runner(), runner(id=2, alive=False, seen=300.0)))).what
    assert told(runners=(runner(), runner(id=2, alive=False, seen=601.0))).healthy


# --- schedules -------------------------------------------------------------------------------------------------------


def schedule(
    since: timedelta = timedelta(minutes=-5),
    outcome: SlotOutcome = SlotOutcome.ADDED,
    timing: str = "every 1h",
    pause: Pause | None = None,
    name: str = "hourly",
    last_job: JobState | None = None,
) -> ScheduleView:
    """A schedule whose slots are decided about up to some time from NOW, which is a slot of it."""
    last = DecidedSlot(Slot(NOW - timedelta(hours=1)), outcome, "17", note="$.id is missing")
    return ScheduleView(name, ScheduleState(timing, NOW + since), pause, last, last_job, ())


def test_a_schedule_whose_last_slot_failed_is_a_problem_until_it_is_paused() -> None:
    problem = only(told(schedules=(schedule(outcome=SlotOutcome.FAILED),)))
    assert (problem.kind, problem.subject) == (ProblemKind.FAILED_SLOT, "hourly")
    assert problem.what == "its last slot, 2026-11-29T23:00:00Z, added no job: $.id is missing"
    assert problem.remedy.endswith("kongflow schedules run hourly")
    pause = Pause("hourly", "we know", "ana", NOW)
    status = told(schedules=(schedule(outcome=SlotOutcome.FAILED, pause=pause),))
    assert (status.healthy, status.paused_schedules) == (True, (pause,))


@pytest.mark.parametrize(("state", "how"), [(JobState.FAILED, "has failed"), (JobState.RETRYING, "waits for a retry")])
def test_a_schedule_whose_last_job_did_not_do_its_work_is_a_problem_until_it_is_paused(
    state: JobState, how: str
) -> None:
    problem = only(told(schedules=(schedule(last_job=state),)))
    assert (problem.kind, problem.subject) == (ProblemKind.FAILING_SCHEDULE, "hourly")
    assert problem.what == f"its last job, 17 of the slot 2026-11-29T23:00:00Z, {how}"
    assert problem.remedy.endswith("kongflow jobs show 17")
    assert told(schedules=(schedule(last_job=state, pause=Pause("hourly", "", "", NOW)),)).healthy
    assert told(schedules=(schedule(last_job=JobState.SUCCEEDED),)).healthy


@pytest.mark.parametrize("outcome", [SlotOutcome.ADDED, SlotOutcome.SKIPPED, SlotOutcome.WAITING])
def test_a_slot_without_a_job_that_its_overlap_wants_so_is_no_problem(outcome: SlotOutcome) -> None:
    assert told(schedules=(schedule(outcome=outcome),)).healthy


def test_a_slot_that_no_runner_decides_about_is_overdue_after_a_minute() -> None:
    assert told(schedules=(schedule(),)).healthy
    assert told(schedules=(schedule(timedelta(minutes=-60)),)).healthy
    problem = only(told(schedules=(schedule(timedelta(minutes=-61)),)))
    assert (problem.kind, problem.subject) == (ProblemKind.OVERDUE_SLOT, "hourly")
    assert problem.what.startswith("its slot 2026-11-29T23:00:00Z came 1h ago, and no runner has decided about it")


@pytest.mark.parametrize(
    "fields",
    [
        {"runners": (runner(ticks=False),)},
        {"schedules": (schedule(timedelta(days=-1), timing="every 2h"),)},
        {"schedules": (schedule(timedelta(days=-1), name="of_another_file"),)},
        {"schedules": (schedule(timedelta(days=-1), pause=Pause("hourly", "", "", NOW)),)},
        {"schedules": (ScheduleView("hourly", None, None, None, None, ()),)},
    ],
    ids=["none fires any", "another timing", "not declared", "paused", "never seen"],
)
def test_nothing_is_overdue_where_nobody_should_have_fired_it(fields: dict[str, Any]) -> None:
    assert told(**{"schedules": (schedule(timedelta(days=-1)),), **fields}).healthy


def test_of_one_kind_the_first_twenty_are_told_and_the_others_counted() -> None:
    status = told(*(jobs(task=f"lost{number}") for number in range(50)), jobs(queue="nowhere"))
    assert [problem.kind for problem in status.problems] == [
        *[ProblemKind.REMOVED_TASK] * MOST_OF_A_KIND,
        ProblemKind.UNDECLARED_QUEUE,
    ]
    assert status.left_out == 30
    assert not status.healthy


def test_slots_that_pass_while_nobody_is_there_are_a_problem() -> None:
    passed = schedule(timedelta(days=-1))
    problem = only(told(schedules=(passed,), runners=()))
    assert (problem.kind, problem.what) == (
        ProblemKind.NO_RUNNER, "slots of 1 schedule have passed, and no runner is alive",
    )  # fmt: skip
    both = only(told(jobs(), schedules=(passed, schedule(timedelta(days=-1), name="hourly")), runners=()))
    assert both.what == "1 job waits and slots of 2 schedules have passed, and no runner is alive"
    assert told(schedules=(schedule(timedelta(minutes=-5)),), runners=()).healthy
