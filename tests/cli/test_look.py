"""What is looked at in the database: queues, workers, db."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke
from tests.project_folder import CONFIG

Enqueue = Callable[..., str]


def queues(invoke: Invoke) -> dict[str | None, dict[str, Any]]:
    return {item["queue"]: item for item in json.loads(invoke("queues", "list", "--json").stdout)["items"]}


def rule(name: str, concurrency: object, **limits: object) -> dict[str, object]:
    return {"rule": name, "concurrency": concurrency, "max_active": None, "rate_limit": None, **limits}


@pytest.mark.usefixtures("tables")
def test_declared_queues_are_listed_before_any_runner_has_come(invoke: Invoke) -> None:
    result = invoke("queues", "list")

    assert "no runner has come yet: nothing is in force" in result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["QUEUE", "fast", "greetings", "runs:*"]


def test_a_concrete_queue_shows_its_rule_and_its_jobs_by_state(invoke: Invoke, enqueue: Enqueue) -> None:
    invoke("run", "--once")
    enqueue("start_run", '{"id": "run_1"}')
    enqueue("anything", "--queue", "runs:run_1", "--in", "1h")
    enqueue("anything")

    run, none = queues(invoke)["runs:run_1"], queues(invoke)[None]

    assert run["declared"] == run["effective"] == rule("runs:*", 1)
    assert run["counts"] == {
        "unrouted": 0,
        "scheduled": 1,
        "retrying": 0,
        "ready": 1,
        "blocked": 0,
        "running": 0,
    }
    assert (none["declared"], none["effective"]) == (None, None)
    assert "(no queue)" in invoke("queues", "list").stdout


def test_what_is_declared_may_differ_from_what_is_in_force(invoke: Invoke, project: Path) -> None:
    invoke("run", "--once")
    (project / "kongflow.yaml").write_text(
        CONFIG.replace("greetings: {concurrency: 2}", "greetings: {concurrency: 9}\n  fresh: {}")
    )

    listed = queues(invoke)

    assert (listed["greetings"]["declared"], listed["greetings"]["effective"]) == (
        rule("greetings", 9),
        rule("greetings", 2),
    )
    assert listed["fresh"]["effective"] is None
    assert listed["fast"]["effective"] == rule("fast", "unlimited")
    fresh = next(line for line in invoke("queues", "list").stdout.splitlines() if line.startswith("fresh"))
    assert fresh.split() == ["fresh", "fresh", "1", "1", "(undeclared)"]


@pytest.mark.usefixtures("tables")
def test_the_description_of_a_queue_is_shown_where_any_has_one(invoke: Invoke, enqueue: Enqueue, project: Path) -> None:
    assert "DESCRIPTION" not in invoke("queues", "list").stdout
    assert {item["description"] for item in queues(invoke).values()} == {None}
    described = '"runs:*": {concurrency: 1, description: "One at a time\\e[2J"}'
    (project / "kongflow.yaml").write_text(CONFIG.replace('"runs:*": {concurrency: 1}', described))
    enqueue("start_run", '{"id": "run_1"}')
    enqueue("anything")

    lines = invoke("queues", "list").stdout.splitlines()

    assert lines[0].split()[-1] == "DESCRIPTION"
    assert [line.split()[0] for line in lines if line.endswith("One at a time\\x1b[2J")] == ["runs:*", "runs:run_1"]
    assert queues(invoke)["runs:run_1"]["description"] == "One at a time\x1b[2J"
    assert (queues(invoke)["fast"]["description"], queues(invoke)[None]["description"]) == (None, None)


@pytest.mark.usefixtures("tables")
def test_no_runner_is_said_on_stderr(invoke: Invoke) -> None:
    assert "no runner is registered" in invoke("workers", "list").stderr
    assert json.loads(invoke("workers", "list", "--json").stdout)["items"] == []


def test_db_status_changes_nothing_and_upgrade_makes_the_tables(invoke: Invoke) -> None:
    before = json.loads(invoke("db", "status", "--json", exit_code=4).stdout)
    assert (before["current"], before["up_to_date"]) == (None, False)

    assert "upgraded the tables from nothing to" in invoke("db", "upgrade").stderr
    assert "the tables are up to date" in invoke("db", "upgrade").stderr

    assert json.loads(invoke("db", "status", "--json").stdout)["up_to_date"] is True


def test_with_manual_migrations_missing_tables_are_exit_4_until_the_upgrade(invoke: Invoke, project: Path) -> None:
    url = '"${KONGFLOW_DATABASE_URL:-sqlite:///jobs.db}"'
    (project / "kongflow.yaml").write_text(CONFIG.replace(url, f"{url}, migrate: manual"))

    for arguments in (["enqueue", "anything"], ["jobs", "list"], ["run", "--once"]):
        assert "`kongflow db upgrade` makes them" in invoke(*arguments, exit_code=4).stderr

    invoke("db", "upgrade")
    invoke("enqueue", "anything")


def test_a_database_that_cannot_be_opened_is_exit_3(invoke: Invoke, project: Path) -> None:
    (project / "jobs.db").write_bytes(b"this is not a database, however long it is" * 100)

    for arguments in (
        ["enqueue", "anything"],
        ["jobs", "list"],
        ["db", "status"],
        ["db", "upgrade"],
        ["run", "--once"],
    ):
        told = invoke(*arguments, exit_code=3).stderr
        assert "jobs.db" in told
        assert "Traceback" not in told


def test_a_database_of_another_deployment_is_refused(invoke: Invoke, enqueue: Enqueue, project: Path) -> None:
    enqueue("anything")
    (project / "kongflow.yaml").write_text(CONFIG.replace("name: tests", "name: other"))

    assert "database.schema" in invoke("enqueue", "anything", exit_code=1).stderr


def test_all_limits_of_a_queue_are_shown(invoke: Invoke, project: Path) -> None:
    limits = '"runs:*": {concurrency: 1, max_active: 50, rate_limit: {limit: 10, per: 1m}}'
    (project / "kongflow.yaml").write_text(CONFIG.replace('"runs:*": {concurrency: 1}', limits))
    invoke("run", "--once")

    assert queues(invoke)["runs:*"]["effective"] == rule(
        "runs:*", 1, max_active=50, rate_limit={"limit": 10, "per": 60.0}
    )
    assert "1, 50 in all, 10 per 1m" in invoke("queues", "list").stdout


def test_a_paused_queue_starts_nothing_until_it_is_resumed(invoke: Invoke, enqueue: Enqueue) -> None:
    enqueue("start_run", '{"id": "run_1"}')
    assert "PAUSED" not in invoke("queues", "list").stdout

    paused = invoke("queues", "pause", "runs:*", "--reason", "the provider is down", "--author", "ada")
    invoke("run", "--once")
    waiting = queues(invoke)["runs:run_1"]
    listed = invoke("queues", "list").stdout
    resumed = invoke("queues", "resume", "runs:*", "--json")
    invoke("run", "--once")

    assert "queue runs:* is paused" in paused.stderr
    assert waiting["counts"]["blocked"] == 1
    assert waiting["paused"]["name"] == "runs:*"
    assert "by ada: the provider is down" in listed
    assert json.loads(resumed.stdout) == {"schema": 1, "queue": "runs:*", "paused": False, "was_paused": True}
    assert "was not paused" in invoke("queues", "resume", "runs:*").stderr
    assert "runs:run_1" not in queues(invoke)


def test_only_what_is_declared_can_be_paused(invoke: Invoke) -> None:
    assert "did you mean 'runs:*'" in invoke("queues", "pause", "run:*", exit_code=5).stderr
    assert "matches 'run:one'" in invoke("queues", "pause", "run:one", exit_code=5).stderr
    invoke("queues", "pause", "runs:one")
