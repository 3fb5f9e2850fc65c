"""`kongflow schedules`: what people and scripts read of it, and its exit codes."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from kongflow import SyncKongFlow
from tests.cli.conftest import Invoke
from tests.cli.runners import wait_for
from tests.project_folder import CONFIG

SCHEDULES = """\
schedules:
  nightly:
    cron: "30 2 * * *"
    timezone: Europe/Berlin
    task: anything
    description: The nightly report
    payload: {at: << schedule.slot >>}
  careful: {every: 12h, task: anything, overlap: queue}
  picky:
    cron: "0 0 29 2 *"
    task: greet
    payload: {name: << schedule.name >>, times: '<< 1 if schedule.slot[5:10] == "02-29" else "often" >>'}
"""
SUMMER_TIME = "2027-03-27T00:00:00Z"


@pytest.fixture(autouse=True)
def declared(project: Path) -> None:
    write(project, SCHEDULES)


def write(project: Path, schedules: str) -> None:
    (project / "kongflow.yaml").write_text(CONFIG[: CONFIG.index("schedules:")] + schedules)


def items(invoke: Invoke, *args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(invoke("schedules", *args, "--json").stdout)["items"]
    return found


def row(invoke: Invoke, name: str) -> dict[str, str]:
    """The line of one schedule in the list, by the headers."""
    header, *lines = [re.split(r" {2,}", line) for line in invoke("schedules", "list").stdout.splitlines()]
    return next(dict(zip(header, line, strict=False)) for line in lines if line[0] == name)


# --- list ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("tables")
def test_a_list_says_when_each_schedule_runs_and_that_nobody_is_there(invoke: Invoke) -> None:
    nightly = row(invoke, "nightly")

    assert re.fullmatch(r"in ([0-9]+[hm] ?)+, \S+T02:30:00\+0[12]:00", nightly.pop("NEXT"))
    assert nightly == {
        "SCHEDULE": "nightly",
        "TIMING": "at 02:30 every day",
        "TIME ZONE": "Europe/Berlin",
        "TASK": "anything",
        "LAST": "-",
        "UNFINISHED": "-",
        "DESCRIPTION": "The nightly report",
    }
    assert row(invoke, "careful")["TIMING"] == "every 12h"
    assert (
        "no runner that fires schedules is alive: slots add no jobs until one is" in invoke("schedules", "list").stderr
    )


def test_a_list_says_what_became_of_the_last_slot_and_which_jobs_have_not_ended(invoke: Invoke) -> None:
    def last(name: str) -> tuple[str, str]:
        found = row(invoke, name)
        return found["LAST"].partition(", ")[2], found["UNFINISHED"]

    careful = invoke("schedules", "run", "careful").stdout.strip()
    assert last("careful") == (f"added job {careful}, ready", careful)
    invoke("schedules", "run", "careful", exit_code=1)
    assert last("careful") == (f"waiting for the end of job {careful}", careful)
    nightly = invoke("schedules", "run", "nightly").stdout.strip()
    invoke("schedules", "run", "nightly", exit_code=1)
    assert last("nightly") == (f"skipped: job {nightly} has not ended", nightly)


def test_a_list_says_who_has_paused_a_schedule_and_why(invoke: Invoke) -> None:
    invoke("schedules", "pause", "nightly", "--reason", "moving\x1b house", "--author", "ana")

    nightly = row(invoke, "nightly")

    assert (nightly["NEXT"], nightly["PAUSED"]) == ("-", "by ana: moving\\x1b house")


def test_a_schedule_that_is_removed_and_still_in_the_database_is_marked(invoke: Invoke, project: Path) -> None:
    with SyncKongFlow.from_config() as flow, flow.running():
        wait_for(lambda: all(each.effective for each in flow.schedules.list()))
    write(project, SCHEDULES.replace("careful", "cautious"))

    assert row(invoke, "careful (not declared)")["TIMING"] == "every 12h"
    (careful,) = (item for item in items(invoke, "list") if item["name"] == "careful")
    assert (careful["declared"], careful["effective"], careful["next_slot"]) == (None, "every 12h", None)


def test_a_list_says_what_runners_of_another_configuration_do_not_have_yet(invoke: Invoke, project: Path) -> None:
    with SyncKongFlow.from_config() as flow, flow.running():
        wait_for(lambda: all(each.effective for each in flow.schedules.list()))
        write(project, SCHEDULES.replace("12h", "6h"))
        told = "the runners do not have this yet: careful; restart them with this configuration"
        assert told in invoke("schedules", "list").stderr

        write(project, SCHEDULES)
        with sqlite3.connect(project / "jobs.db") as file:
            file.execute("delete from kongflow_schedule")  # as before the first look of a runner
        file.close()
        assert invoke("schedules", "list").stderr == ""


@pytest.mark.usefixtures("tables")
def test_without_any_schedule_it_says_so(invoke: Invoke, project: Path) -> None:
    write(project, "")

    result = invoke("schedules", "list")

    assert (result.stdout, result.stderr) == ("", "no schedule is declared in kongflow.yaml\n")
    assert items(invoke, "list") == []


def test_the_json_of_a_list_has_all_of_it(invoke: Invoke) -> None:
    job = invoke("schedules", "run", "careful").stdout.strip()
    invoke("schedules", "run", "careful", exit_code=1)
    invoke("schedules", "pause", "nightly", "--author", "ana")

    careful, nightly, _ = items(invoke, "list")

    at = careful["last_slot"].pop("at")
    assert at.endswith("Z")
    next_slot = careful.pop("next_slot")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT(00|12):00:00\.000Z", next_slot)
    assert careful == {
        "name": "careful",
        "description": None,
        "declared": {
            "timing": "every 12h", "words": "every 12h", "timezone": "Etc/UTC", "task": "anything", "overlap": "queue",
        },
        "effective": None,
        "last_slot": {
            "backfilled": False, "outcome": "waiting", "job": None, "job_state": None,
            "note": f"for the end of job {job}"
        },
        "waiting_slot": {"at": at, "backfilled": False},
        "unfinished": [job],
        "pause": None,
    }  # fmt: skip
    assert nightly["pause"].pop("paused_at").endswith("Z")
    assert nightly["pause"] == {"name": "nightly", "reason": None, "author": "ana"}
    assert (nightly["description"], nightly["next_slot"]) == ("The nightly report", None)


# --- next ------------------------------------------------------------------------------------------------------------


def test_next_marks_where_the_clocks_change_and_opens_no_database(invoke: Invoke, project: Path) -> None:
    result = invoke("schedules", "next", "nightly", "-n", "3", "--after", SUMMER_TIME)

    header, *lines = [re.split(r" {2,}", line) for line in result.stdout.splitlines()]
    assert header == ["EUROPE/BERLIN", "UTC", "AWAY"]
    assert [line[:2] + line[3:] for line in lines] == [
        ["Sat 2027-03-27 02:30:00+01:00", "2027-03-27T01:30:00Z"],
        ["Sun 2027-03-28 03:00:00+02:00", "2027-03-28T01:00:00Z", "← the clocks were put forward by 1h"],
        ["Mon 2027-03-29 02:30:00+02:00", "2027-03-29T00:30:00Z"],
    ]
    assert "nightly: at 02:30 every day, Europe/Berlin" in result.stderr
    assert not (project / "jobs.db").exists()


def test_next_says_when_the_clocks_are_put_back(invoke: Invoke) -> None:
    lines = invoke("schedules", "next", "nightly", "-n", "3", "--after", "2027-10-30T00:00:00Z").stdout.splitlines()

    assert [("put back by 1h" in line, line[:30].strip()) for line in lines[1:]] == [
        (False, "Sat 2027-10-30 02:30:00+02:00"),
        (False, "Sun 2027-10-31 02:30:00+02:00"),
        (True, "Mon 2027-11-01 02:30:00+01:00"),
    ]


def test_next_shows_ten_from_now_on(invoke: Invoke) -> None:
    lines = invoke("schedules", "next", "careful").stdout.splitlines()

    assert len(lines) == 11
    assert all("  in " in line for line in lines[1:])


def test_the_json_of_next_has_the_instants_and_the_offsets(invoke: Invoke) -> None:
    printed = json.loads(invoke("schedules", "next", "nightly", "-n", "2", "--after", SUMMER_TIME, "--json").stdout)

    assert (printed["schedule"], printed["timezone"]) == ("nightly", "Europe/Berlin")
    assert printed["items"][1] == {
        "at": "2027-03-28T01:00:00.000Z",
        "local": "2027-03-28T03:00:00+02:00",
        "utc_offset": 7200.0,
    }


@pytest.mark.parametrize("options", [["-n", "0"], ["-n", "1001"], ["--after", "2027-01-01"], ["--after", "soon"]])
def test_next_refuses_what_cannot_be_meant(invoke: Invoke, options: list[str]) -> None:
    invoke("schedules", "next", "nightly", *options, exit_code=2)


# --- run -------------------------------------------------------------------------------------------------------------


def test_run_prints_the_id_of_the_job_and_nothing_else(invoke: Invoke) -> None:
    result = invoke("schedules", "run", "nightly")

    id = result.stdout.strip()
    assert result.stdout == f"{id}\n"
    assert f"schedule nightly added anything as job {id}" in result.stderr
    assert "no runner is alive; start one: kongflow run" in result.stderr
    assert json.loads(invoke("jobs", "show", id, "--json").stdout)["schedule"] == "nightly"


def test_run_exits_1_and_says_why_where_no_job_was_added(invoke: Invoke) -> None:
    for name, reason in (("nightly", "skipped: job {} has not ended"), ("careful", "waiting for the end of job {}")):
        job = invoke("schedules", "run", name).stdout.strip()

        result = invoke("schedules", "run", name, exit_code=1)

        assert result.stdout == ""
        assert f"schedule {name} has added no job: this slot is {reason.format(job)}" in result.stderr


def test_run_adds_no_job_where_one_of_another_origin_has_its_key(invoke: Invoke, project: Path) -> None:
    write(project, "schedules:\n  keyed: {every: 12h, task: start_run, payload: {id: << schedule.name >>}}\n")
    job = invoke("enqueue", "start_run", "--arg", "id=keyed").stdout.strip()
    config = project / "kongflow.yaml"
    config.write_text(config.read_text().replace("    max_attempts: 1\n", "    job_key_mode: unsafe_dedupe\n", 1))

    result = invoke("schedules", "run", "keyed", exit_code=1)

    assert (result.stdout, f"skipped: job {job} has its key" in result.stderr) == ("", True)
    assert "added" not in result.stderr.replace("has added no job", "")


def test_the_json_of_run_is_what_became_of_the_slot(invoke: Invoke) -> None:
    added = json.loads(invoke("schedules", "run", "nightly", "--json").stdout)
    skipped = json.loads(invoke("schedules", "run", "nightly", "--json", exit_code=1).stdout)

    assert list(added) == ["schema", "schedule", "at", "backfilled", "outcome", "job", "note"]
    assert (added["schedule"], added["outcome"], added["note"]) == ("nightly", "added", None)
    assert (skipped["outcome"], skipped["job"]) == ("skipped", None)
    assert skipped["note"] == f"job {added['job']} has not ended"


def test_run_says_why_a_job_cannot_be_made(invoke: Invoke) -> None:
    result = invoke("schedules", "run", "picky", exit_code=1)

    assert "$.times" in result.stderr
    assert items(invoke, "list")[2]["last_slot"] is None


# --- pause and resume ------------------------------------------------------------------------------------------------


def test_pause_and_resume_say_what_they_did(invoke: Invoke) -> None:
    paused = invoke("schedules", "pause", "nightly")
    assert (
        "schedule nightly is paused; its slots add jobs again after: kongflow schedules resume nightly" in paused.stderr
    )
    assert "schedule nightly adds jobs again" in invoke("schedules", "resume", "nightly").stderr
    assert "schedule nightly was not paused" in invoke("schedules", "resume", "nightly").stderr


def test_the_author_of_a_pause_is_who_gives_the_command(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ana")
    monkeypatch.setattr("socket.gethostname", lambda: "desk")

    printed = json.loads(invoke("schedules", "pause", "nightly", "--reason", "moving house", "--json").stdout)

    assert printed == {
        "schema": 1, "name": "nightly", "paused": True, "reason": "moving house", "author": "ana@desk",
    }  # fmt: skip
    assert json.loads(invoke("schedules", "resume", "nightly", "--json").stdout)["was_paused"] is True


def test_the_status_shows_who_has_paused_a_schedule_and_why_and_is_well(invoke: Invoke) -> None:
    invoke("schedules", "pause", "nightly", "--reason", "moving house", "--author", "ana")

    told = "paused   schedule nightly by ana: moving house; resume: kongflow schedules resume nightly"
    assert told in invoke("status").stdout
    (pause,) = json.loads(invoke("status", "--json").stdout)["paused_schedules"]
    assert (pause["name"], pause["reason"], pause["author"]) == ("nightly", "moving house", "ana")


@pytest.mark.parametrize("verb", ["next", "run", "pause", "resume"])
def test_a_name_that_nobody_knows_is_exit_code_5_with_the_nearest(invoke: Invoke, verb: str) -> None:
    result = invoke("schedules", verb, "nigthly", exit_code=5)

    assert "no schedule 'nigthly' is declared in kongflow.yaml" in result.stderr
    assert "did you mean 'nightly'?" in result.stderr
