"""`kongflow plan`: in text, JSON and Markdown, with an exit code for CI."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kongflow.cli.plan_text import plan_lines, plan_markdown
from kongflow.engine.plan.change import Change, Detail, Effect, Jobs, Kind, Plan
from tests.cli.conftest import Invoke
from tests.postgres import Server
from tests.project_folder import CONFIG

Enqueue = Callable[..., str]

NEW = (
    CONFIG.replace("required: [name]", "required: [name, times]")
    .replace("greetings: {concurrency: 2}", "greetings: {concurrency: 4}")
    .replace("  decline: {handler: job_handlers.decline}\n", "")
)


@pytest.fixture
def in_force(invoke: Invoke) -> None:
    """The configuration of the project is in force."""
    invoke("run", "--once")


def deploy(project: Path, config: str = NEW) -> None:
    (project / "kongflow.yaml").write_text(config)


def plan(invoke: Invoke, *args: str, exit_code: int = 0) -> dict[str, Any]:
    shape: dict[str, Any] = json.loads(invoke("plan", "--json", *args, exit_code=exit_code).stdout)
    return shape


# --- exit codes ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_force")
def test_no_change_is_one_line_and_exit_0(invoke: Invoke, enqueue: Enqueue) -> None:
    enqueue("greet", "--arg", "name=Ada", "--in", "1h")

    assert invoke("plan", "--detailed-exitcode").stdout == "no change; 1 job checked\n"


@pytest.mark.usefixtures("in_force")
def test_changes_are_exit_6_where_that_is_asked_for(invoke: Invoke, project: Path) -> None:
    deploy(project)

    assert "3 changes; 0 jobs checked" in invoke("plan", "--detailed-exitcode", exit_code=6).stdout
    invoke("plan")


@pytest.mark.usefixtures("in_force")
def test_what_blocks_is_exit_1_in_any_case(invoke: Invoke, enqueue: Enqueue, project: Path) -> None:
    enqueue("greet", "--arg", "name=Ada", "--in", "1h")
    deploy(project)

    told = invoke("plan", exit_code=1).stdout
    assert invoke("plan", "--detailed-exitcode", exit_code=1).stdout == told
    assert told.splitlines() == [
        "✗ task   greet  would refuse jobs that wait for it: they would fail (1 waiting)",
        "    $.times: is required and missing: 1 waiting; job 1",
        "  → make the new schema take them, or let them run out first",
        "- task   decline  is gone",
        "~ task   greet  payload schema changed (1 waiting)",
        "~ queue  greetings  concurrency 2 → 4 (1 waiting)",
        "1 blocks the deploy, 3 changes; 1 job checked",
    ]


@pytest.mark.usefixtures("in_force")
def test_queues_of_other_runners_are_named_by_hand(invoke: Invoke, enqueue: Enqueue, project: Path) -> None:
    enqueue("start_run", "--arg", "id=1", "--in", "1h")
    deploy(project, CONFIG.replace("runner: {", "runner: {queues: [greetings], "))

    (change,) = plan(invoke, exit_code=1)["changes"]
    assert (change["kind"], change["subject"], change["waiting"]) == ("queue_unserved", "runs:*", 1)
    assert plan(invoke, "--queues", "greetings,runs:*")["changes"] == []


def test_json_and_markdown_are_two_things(invoke: Invoke) -> None:
    assert "not both" in invoke("plan", "--json", "--markdown", exit_code=2).stderr


# --- it only looks ---------------------------------------------------------------------------------------------------


def test_without_a_database_everything_is_new_and_no_file_is_made(invoke: Invoke, project: Path) -> None:
    told = invoke("plan", "--detailed-exitcode", exit_code=6).stdout

    assert "there are no tables yet: the first runner makes them" in told
    assert "everything is new: 11 tasks, 3 queues, 1 schedule" in told
    assert list(project.glob("jobs.db*")) == []


def test_where_nobody_may_make_tables_that_blocks(invoke: Invoke, project: Path) -> None:
    url = '"${KONGFLOW_DATABASE_URL:-sqlite:///jobs.db}"'
    deploy(project, CONFIG.replace(url, f"{url}, migrate: manual"))

    assert "run `kongflow db upgrade` first" in invoke("plan", exit_code=1).stdout


@pytest.mark.usefixtures("in_force")
def test_the_file_stays_as_it_is(invoke: Invoke, enqueue: Enqueue, project: Path) -> None:
    enqueue("greet", "--arg", "name=Ada", "--in", "1h")
    deploy(project)

    def dump() -> list[str]:
        with sqlite3.connect(project / "jobs.db") as file:
            lines = list(file.iterdump())
        file.close()
        return lines

    before = dump()
    invoke("plan", exit_code=1)
    assert dump() == before


def test_on_postgresql_nothing_is_made_either(server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    url = server.url(server.create())
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", url)

    assert "there are no tables yet" in invoke("plan").stdout
    with psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from pg_namespace where nspname = 'kongflow'").fetchone() == (0,)


# --- forms -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_force")
def test_json_has_every_change_with_its_jobs_and_reasons(invoke: Invoke, enqueue: Enqueue, project: Path) -> None:
    id = enqueue("greet", "--arg", "name=Ada", "--in", "1h")
    deploy(project)

    shape = plan(invoke, exit_code=1)

    assert list(shape) == ["schema", "verdict", "checked", "changes", "notes"]
    assert (shape["verdict"], shape["checked"], shape["notes"]) == ("blocks", 1, [])
    refused, gone, task, queue = shape["changes"]
    assert refused == {
        "kind": "payloads_refused", "subject": "greet", "effect": "blocks",
        "what": "would refuse jobs that wait for it: they would fail",
        "waiting": 1, "running": 0, "first_jobs": [id],
        "remedy": "make the new schema take them, or let them run out first",
        "differences": [],
        "reasons": [
            {"what": "$.times: is required and missing", "waiting": 1, "running": 0, "first_jobs": [id]},
        ],
    }  # fmt: skip
    assert (gone["kind"], gone["subject"], gone["effect"], gone["remedy"]) == (
        "task_removed",
        "decline",
        "changes",
        None,
    )
    assert [each["field"] for each in task["differences"]] == ["payload"]
    assert queue["differences"] == [{"field": "concurrency", "before": 2, "after": 4}]


@pytest.mark.usefixtures("in_force")
def test_no_form_prints_a_payload(invoke: Invoke, enqueue: Enqueue, project: Path) -> None:
    enqueue("greet", '{"name": "SECRET", "salutation": "SECRET"}', "--in", "1h")
    deploy(project, CONFIG.replace("salutation: {type: string", "salutation: {enum: [Hello, Hi]"))

    for form in ((), ("--json",), ("--markdown",)):
        told = invoke("plan", *form, exit_code=1).stdout
        assert "Hello" in told
        assert "SECRET" not in told


@pytest.mark.usefixtures("in_force")
def test_markdown_is_a_table_with_a_row_for_each_change(invoke: Invoke, enqueue: Enqueue, project: Path) -> None:
    enqueue("greet", "--arg", "name=Ada", "--in", "1h")
    deploy(project)

    lines = invoke("plan", "--markdown", exit_code=1).stdout.splitlines()

    assert lines[0] == "### kongflow plan: 1 blocks the deploy, 3 changes"
    assert lines[2:4] == ["| | | what | waiting | running | jobs |", "|---|---|---|---:|---:|---|"]
    assert [line.split(" | ")[1] for line in lines[4:8]] == [
        *("task <code>greet</code>", "task <code>decline</code>", "task <code>greet</code>"),
        "queue <code>greetings</code>",
    ]
    assert lines[4].startswith("| ⛔ |")
    assert lines[-1] == "1 job checked."


def test_without_changes_markdown_is_a_heading_and_the_sum() -> None:
    assert plan_markdown(Plan((), 7)) == "### kongflow plan: no change\n\n7 jobs checked."


@given(
    st.text() | st.sampled_from(["a|b", "`x`", "</code><b>", "@all", "#17", "[a](http://b)", "a\nb", "**x**", "\\|"])
)
def test_no_name_breaks_the_table_or_means_anything_in_it(name: str) -> None:
    change = Change(Kind.TASK_REMOVED, name, Effect.BLOCKS, f"is {name}", Jobs(1), details=(Detail(name, Jobs(1)),))
    row = plan_markdown(Plan((change,))).split("\n")[4]

    assert row.count("|") == 7
    inside = row.replace("<code>", "").replace("</code>", "").replace("<br>", "")
    assert not re.search(r"[<>`*\\\[\]~]|@\w|#\d+\s", inside.strip("| ").partition("|")[2].replace("&#", "&"))


def test_a_comment_has_room_for_a_hundred_changes() -> None:
    changes = [Change(Kind.TASK_REMOVED, f"t{n}", Effect.BLOCKS, "is gone " * 100) for n in range(500)]
    told = plan_markdown(Plan(tuple(changes)))

    assert "… and 400 more: `kongflow plan`" in told
    assert len(told) < 65_536


def test_names_that_came_from_jobs_cannot_forge_a_line() -> None:
    change = Change(Kind.TASK_REMOVED, "a\nno change\x1b[2J", Effect.BLOCKS, "is gone")
    lines = list(plan_lines(Plan((change,))))

    assert len(lines) == 2
    assert "\n" not in lines[0]
    assert "\x1b[2J" not in lines[0]


def test_what_is_wrong_already_and_notes_are_told_and_are_no_change() -> None:
    change = Change(Kind.TASK_REMOVED, "old", Effect.STANDS, "is not declared, as now", Jobs(0, 2, ("1", "2")))

    assert list(map(_plain, plan_lines(Plan((change,), 2, ("one runs another",))))) == [
        "· task  old  is not declared, as now (2 running)",
        "! one runs another",
        "no change; 2 jobs checked",
    ]


def _plain(text: str) -> str:
    return re.sub("\x1b\\[[0-9;]*m", "", text)
