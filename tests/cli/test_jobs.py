from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke
from tests.project_folder import CONFIG, HANDLERS

Show = Callable[[str], dict[str, Any]]
Enqueue = Callable[..., str]


SNOOZE = """

def anything(payload):
    from kongflow import Snooze
    return Snooze(3600)
"""


LOGS = """

def anything(payload):
    import logging
    logging.getLogger("shop").warning("low on \\x1b[31mink\\nand paper")
"""


def listed(invoke: Invoke, *filters: str) -> list[str]:
    return [job["id"] for job in json.loads(invoke("jobs", "list", "--json", *filters).stdout)["items"]]


# --- list ------------------------------------------------------------------------------------------------------------


def test_the_list_has_the_shape_that_scripts_rely_on(invoke: Invoke, enqueue: Enqueue) -> None:
    enqueue("start_run", '{"id": "run_1"}')

    document = json.loads(invoke("jobs", "list", "--json").stdout)

    assert list(document) == ["schema", "items", "next_cursor"]
    assert list(document["items"][0]) == [
        *("id", "task", "queue", "state", "reason", "detail", "priority", "attempt", "max_attempts", "claims"),
        *("crashes", "run_at", "created_at", "claimed_at", "finished_at", "schedule", "key", "flags", "tags"),
        *("payload", "result", "progress", "error", "cancel_requested", "overrunning", "runner"),
    ]
    job = document["items"][0]
    assert isinstance(job["id"], str)
    assert (job["state"], job["attempt"], job["max_attempts"], job["error"]) == ("ready", 0, 1, None)
    assert datetime.fromisoformat(job["created_at"]).utcoffset() == timedelta(0)


def test_each_filter_finds_its_jobs(invoke: Invoke, enqueue: Enqueue) -> None:
    run = enqueue("start_run", '{"id": "run_1"}')
    later = enqueue("anything", "--in", "1h", "--tag", "x")
    failed = enqueue("fail")
    invoke("run", "--once", exit_code=1)

    assert listed(invoke) == [failed, later, run]
    assert listed(invoke, "--state", "failed") == [failed]
    assert listed(invoke, "--state", "failed", "--state", "scheduled") == [failed, later]
    assert listed(invoke, "--task", "start_run") == [run]
    assert listed(invoke, "--queue", "runs:run_1") == [run]
    assert listed(invoke, "--tag", "x") == [later]
    assert listed(invoke, "--since", "1h") == [failed, later, run]
    assert listed(invoke, "--since", (datetime.now(UTC) + timedelta(minutes=5)).isoformat()) == []


def test_the_filter_language_combines_with_the_options(invoke: Invoke, enqueue: Enqueue) -> None:
    later = enqueue("anything", '{"user": {"id": 42}}', "--in", "1h", "--tag", "x")
    now = enqueue("anything", '{"user": {"id": 42}}')
    failed = enqueue("fail")
    invoke("run", "--once", exit_code=1)

    assert listed(invoke, "-f", "payload.user.id:42") == [now, later]
    assert listed(invoke, "-f", "payload.user.id:42", "--state", "succeeded") == [now]
    assert listed(invoke, "-f", "error:~user since:1h") == [failed]
    assert listed(invoke, "-f", "-tag:x -state:failed") == [now]
    assert listed(invoke, "-f", "task:any* since:0s") == []


@pytest.mark.usefixtures("tables")
def test_a_mistake_in_a_filter_is_pointed_at(invoke: Invoke) -> None:
    told = invoke("jobs", "list", "--filter", "task:mail stat:failed", exit_code=2).stderr

    assert told == (
        "error: the filter, column 11: there is no qualifier 'stat'; did you mean 'state'?\n"
        "  task:mail stat:failed\n"
        "            ^\n"
    )


def test_a_key_finds_its_waiting_job(invoke: Invoke, enqueue: Enqueue) -> None:
    enqueue("anything")
    run = enqueue("start_run", '{"id": "run_1"}')

    assert listed(invoke, "--key", "run:run_1") == [run]


def test_pages_follow_each_other_by_the_cursor(invoke: Invoke, enqueue: Enqueue) -> None:
    jobs = [enqueue("anything") for _ in range(5)]

    first = json.loads(invoke("jobs", "list", "--json", "--limit", "3").stdout)
    second = json.loads(invoke("jobs", "list", "--json", "--limit", "3", "--cursor", first["next_cursor"]).stdout)

    assert [job["id"] for job in first["items"] + second["items"]] == jobs[::-1]
    assert second["next_cursor"] is None


def test_the_table_says_how_to_see_more(invoke: Invoke, enqueue: Enqueue) -> None:
    enqueue("anything")
    enqueue("anything")

    result = invoke("jobs", "list", "--limit", "1")

    headers = ["ID", "STATE", "TASK", "QUEUE", "ATTEMPT", "WHEN", "KEY", "LAST ERROR"]
    assert re.split("  +", result.stdout.splitlines()[0]) == headers
    assert len(result.stdout.splitlines()) == 2
    assert "there are more: --cursor" in result.stderr


@pytest.mark.usefixtures("tables")
def test_nothing_found_is_said_on_stderr(invoke: Invoke) -> None:
    result = invoke("jobs", "list")

    assert (result.stdout, result.stderr) == ("", "no jobs match\n")


def test_an_error_cannot_drive_the_terminal(invoke: Invoke, enqueue: Enqueue) -> None:
    job = enqueue("fail")
    invoke("run", "--once", exit_code=1)

    for arguments in (["list"], ["list", "--json"], ["show", job], ["show", job, "--json"]):
        assert "\x1b" not in invoke("jobs", *arguments).stdout
    assert "ValueError: no such \\x1b[31muser" in invoke("jobs", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--state", "broken"], "broken"),
        (["--limit", "0"], "0"),
        (["--since", "yesterday"], "is not a duration"),
        (["--cursor", "nonsense"], "cursor"),
    ],
)
@pytest.mark.usefixtures("tables")
def test_a_filter_that_means_nothing_is_refused(arguments: list[str], words: str, invoke: Invoke) -> None:
    result = invoke("jobs", "list", *arguments, exit_code=2)

    assert words in result.stderr
    assert "Traceback" not in result.stderr


# --- show ------------------------------------------------------------------------------------------------------------


def test_a_failed_job_shows_its_error_with_the_traceback_and_its_timeline(invoke: Invoke, enqueue: Enqueue) -> None:
    job = enqueue("fail")
    invoke("run", "--once", exit_code=1)

    shown = invoke("jobs", "show", job).stdout

    assert "failed (error): ValueError: no such" in shown
    assert "attempt   1/1" in shown
    assert 'raise ValueError("no such' in shown
    timeline = shown[shown.index("timeline") : shown.index("\nattempts")]
    words = ("added", "attempt 1 started on", "attempt 1 failed: ValueError: no such", "failed\n")
    assert [each in timeline for each in words] == [True] * 4


def test_the_payload_is_shown_on_request_only(invoke: Invoke, enqueue: Enqueue) -> None:
    job = enqueue("anything", '{"secret": "of the user"}')

    assert "of the user" not in invoke("jobs", "show", job).stdout
    assert '"secret": "of the user"' in invoke("jobs", "show", job, "--payload").stdout


def test_a_result_is_shown(invoke: Invoke, enqueue: Enqueue) -> None:
    job = enqueue("greet", '{"name": "Ada"}')
    invoke("run", "--once")

    assert '"Hello, Ada!"' in invoke("jobs", "show", job).stdout


def test_json_has_every_attempt_with_its_error_and_traceback(invoke: Invoke, enqueue: Enqueue, show: Show) -> None:
    job = enqueue("fail")
    invoke("run", "--once", exit_code=1)

    shown = show(job)
    (attempt,) = shown["attempts"]
    assert (attempt["attempt"], attempt["outcome"], attempt["runner"]) == (1, "failed", shown["runner"])
    assert (attempt["started_at"], attempt["ended_at"]) == (shown["claimed_at"], shown["finished_at"])
    assert attempt["duration"] >= 0
    error = attempt["error"]
    assert error["message"] == "no such \x1b[31muser"
    assert error["type"].endswith("ValueError")
    assert "Traceback" in error["traceback"]
    assert shown["error"] == {
        "attempt": 1, "type": error["type"], "message": error["message"], "at": attempt["ended_at"]
    }  # fmt: skip


def test_the_lines_that_a_handler_logged_are_shown(invoke: Invoke, enqueue: Enqueue, show: Show, project: Path) -> None:
    (project / "job_handlers.py").write_text(HANDLERS + LOGS)
    job = enqueue("anything")
    invoke("run", "--once")

    (attempt,) = show(job)["attempts"]
    assert attempt["log"]["left_out"] == 0
    (line,) = attempt["log"]["lines"]
    assert (line["level"], line["message"]) == ("warning", "low on \x1b[31mink\nand paper")
    shown = invoke("jobs", "show", job).stdout
    log = shown[shown.index("\n    log\n") :]
    assert f"      {line['at']} warning  low on \\x1b[31mink\n      and paper\n" in log


def test_a_stack_that_was_there_before_is_not_printed_again(invoke: Invoke, enqueue: Enqueue) -> None:
    job = enqueue("fail")
    for _ in range(2):
        invoke("run", "--once", exit_code=1)
        invoke("jobs", "retry", job)

    shown = invoke("jobs", "show", job).stdout
    assert shown.count("attempt 1 failed after") == 2
    assert shown.count('raise ValueError("no such') == 1
    assert "(the same stack as attempt 1 of " in shown


def add_by_sql(project: Path, task: str) -> str:
    with sqlite3.connect(project / "jobs.db") as file:
        id = file.execute("insert into kongflow_job (task, payload) values (?, '{}') returning id", (task,)).fetchone()[
            0
        ]
    file.close()
    return str(id)


def test_a_job_that_nobody_can_take_says_why(invoke: Invoke, enqueue: Enqueue, project: Path) -> None:
    ready = enqueue("anything")

    assert "waits     no runner is alive; start one: kongflow run" in invoke("jobs", "show", ready).stdout
    unknown = invoke("jobs", "show", add_by_sql(project, "anythin")).stdout
    assert "no living runner knows task 'anythin'" in unknown
    assert "it is not declared in kongflow.yaml; did you mean 'anything'?" in unknown


def test_a_job_that_waits_for_its_time_waits_for_nobody(invoke: Invoke, enqueue: Enqueue) -> None:
    assert "waits " not in invoke("jobs", "show", enqueue("anything", "--in", "1h")).stdout


def test_what_an_earlier_attempt_met_is_not_shown_as_the_state(invoke: Invoke, enqueue: Enqueue) -> None:
    job = enqueue("retry")
    invoke("run", "--once")

    assert "state     retrying; last error: ValueError: no such" in invoke("jobs", "show", job).stdout
    told = invoke("jobs", "wait", job, "--timeout", "10ms", exit_code=124).stderr
    assert f"job {job} retry: retrying, attempt 1/3; last error: ValueError: no such" in told


def test_of_a_long_error_the_list_has_the_first_line(invoke: Invoke, enqueue: Enqueue, project: Path) -> None:
    (project / "job_handlers.py").write_text(
        HANDLERS.replace('"no such \\x1b[31muser"', '"no such user\\n" + "so many words " * 200')
    )
    job = enqueue("fail")
    invoke("run", "--once", exit_code=1)

    assert invoke("jobs", "list").stdout.splitlines()[1].endswith("ValueError: no such user …")
    shown = invoke("jobs", "show", job).stdout
    assert "state     failed (error): ValueError: no such user …\n" in shown
    assert "so many words so many words" in shown[shown.index("\nattempts") :]


def test_starts_that_used_up_no_attempt_are_shown(invoke: Invoke, enqueue: Enqueue, project: Path) -> None:
    (project / "job_handlers.py").write_text(HANDLERS + SNOOZE)
    job = enqueue("anything")
    assert "starts" not in invoke("jobs", "show", job).stdout

    invoke("run", "--once")

    shown = invoke("jobs", "show", job).stdout
    assert "attempt   0/25" in shown
    assert "starts    1 in all" in shown


# --- change ----------------------------------------------------------------------------------------------------------


def test_a_retried_job_keeps_its_id_and_its_attempts_and_starts_from_attempt_0(
    invoke: Invoke, enqueue: Enqueue, show: Show
) -> None:
    job = enqueue("fail")
    invoke("run", "--once", exit_code=1)

    result = invoke("jobs", "retry", job)

    assert f"job {job} (fail) is ready again" in result.stderr
    assert (show(job)["attempt"], len(show(job)["attempts"])) == (0, 1)


def test_a_retry_checks_the_payload_against_the_schema_of_today(
    invoke: Invoke, enqueue: Enqueue, show: Show, project: Path
) -> None:
    job = enqueue("greet", '{"name": "Ada"}')
    invoke("run", "--once")
    (project / "kongflow.yaml").write_text(CONFIG.replace("name: {type: string}", "name: {type: integer}"))

    result = invoke("jobs", "retry", job, exit_code=1)

    assert "$.name" in result.stderr
    assert show(job)["state"] == "succeeded"


def test_a_waiting_job_is_cancelled(invoke: Invoke, enqueue: Enqueue, show: Show) -> None:
    job = enqueue("anything")

    assert f"job {job} (anything) is cancelled" in invoke("jobs", "cancel", job).stderr
    assert (show(job)["state"], show(job)["reason"]) == ("cancelled", "request")


def test_a_finished_job_cannot_be_cancelled_any_more(invoke: Invoke, enqueue: Enqueue) -> None:
    job = enqueue("anything")
    invoke("run", "--once")

    assert f"job {job} (anything) had already succeeded" in invoke("jobs", "cancel", job).stderr


def test_a_deleted_job_is_gone(invoke: Invoke, enqueue: Enqueue) -> None:
    job = enqueue("anything")

    assert f"job {job} is deleted" in invoke("jobs", "delete", job).stderr
    invoke("jobs", "show", job, exit_code=5)


@pytest.mark.parametrize("verb", ["retry", "cancel", "delete", "wait"])
def test_of_several_jobs_each_is_tried_and_the_unknown_one_gives_the_exit_code(
    verb: str, invoke: Invoke, enqueue: Enqueue
) -> None:
    first, last = enqueue("anything"), enqueue("anything")
    invoke("run", "--once")

    result = invoke("jobs", verb, first, "999", last, "--json", exit_code=5)

    assert [item["id"] for item in json.loads(result.stdout)["items"]] == [first, last]
    assert "there is no job '999'" in result.stderr


@pytest.mark.parametrize("id", ["999", "0", "-1", "abc", "99999999999999999999999999", "1; drop table", "\x00"])
@pytest.mark.usefixtures("tables")
def test_an_id_that_no_job_has_is_not_found(id: str, invoke: Invoke) -> None:
    result = invoke("jobs", "show", "--", id, exit_code=5)

    assert "there is no job" in result.stderr
    assert "Traceback" not in result.stderr


# --- wait ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "exit_code"), [("anything", 0), ("fail", 10), ("decline", 11)])
def test_the_exit_code_of_a_wait_is_the_outcome(task: str, exit_code: int, invoke: Invoke, enqueue: Enqueue) -> None:
    job = enqueue(task)
    invoke("run", "--once", exit_code=1 if task == "fail" else 0)

    invoke("jobs", "wait", job, exit_code=exit_code)


def test_a_wait_ends_with_its_timeout_and_the_job_goes_on(invoke: Invoke, enqueue: Enqueue, show: Show) -> None:
    job = enqueue("anything")

    result = invoke("jobs", "wait", job, "--timeout", "10ms", exit_code=124)

    assert f"job {job} is still ready after 10ms; it goes on" in result.stderr
    assert show(job)["state"] == "ready"


def test_enqueue_may_wait_too(invoke: Invoke) -> None:
    result = invoke("enqueue", "anything", "--wait", "--timeout", "10ms", exit_code=124)

    assert result.stdout == ""
    assert "ready" in result.stderr
