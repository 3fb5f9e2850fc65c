"""`kongflow status`: one screen, and an exit code for whoever watches."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke
from tests.project_folder import CONFIG

Enqueue = Callable[..., str]


def status(invoke: Invoke, exit_code: int = 0) -> dict[str, Any]:
    shape: dict[str, Any] = json.loads(invoke("status", "--json", exit_code=exit_code).stdout)
    return shape


def in_the_database(project: Path, statement: str) -> None:
    with sqlite3.connect(project / "jobs.db") as file:
        file.execute(statement)
    file.close()


def test_a_healthy_installation_exits_0(invoke: Invoke, enqueue: Enqueue) -> None:
    enqueue("anything", "--in", "1h")

    result = invoke("status")

    assert "all is well" in result.stderr
    assert "✗" not in result.stdout
    shape = status(invoke)
    assert (shape["schema"], shape["healthy"], shape["problems"]) == (1, True, [])


def test_each_problem_says_what_is_wrong_and_what_to_do(invoke: Invoke, enqueue: Enqueue, project: Path) -> None:
    (project / "kongflow.yaml").write_text(CONFIG.replace("fast: {", "fast: {max_wait: 1ms, "))
    enqueue("anything", "--queue", "fast")
    in_the_database(project, "insert into kongflow_job (task) values ('anythin')")
    in_the_database(project, "update kongflow_job set ready_at = ready_at - 65000 where state = 2")

    result = invoke("status", exit_code=1)

    assert "3 problems" in result.stderr
    assert "✗ no runner: 2 jobs wait and no runner is alive\n  → start one: kongflow run\n" in result.stdout
    assert "✗ late fast: its oldest job has waited 1m" in result.stdout
    assert "✗ removed task anythin: 1 job waits" in result.stdout
    fast = next(line for line in result.stdout.splitlines() if line.startswith("fast"))
    assert fast.split()[1:4] == ["1", "0", "0"]


def test_json_has_queues_runners_pauses_and_problems(invoke: Invoke, enqueue: Enqueue) -> None:
    enqueue("greet", '{"name": "Ada"}')
    invoke("run", "--once")
    invoke("queues", "pause", "greetings", "--reason", "no ink")
    enqueue("greet", '{"name": "Ada"}')

    shape = status(invoke, exit_code=1)

    assert list(shape) == [
        *("schema", "healthy", "problems", "problems_left_out", "queues", "runners", "paused", "paused_schedules")
    ]
    (problem,) = shape["problems"]
    assert (problem["kind"], problem["subject"]) == ("no_runner", None)
    (greetings,) = (queue for queue in shape["queues"] if queue["queue"] == "greetings")
    assert greetings.pop("oldest_wait") >= 0
    assert greetings == {
        "queue": "greetings", "declared": True, "waiting": 1, "later": 0, "running": 0, "max_wait": None,
        "paused": True,
    }  # fmt: skip
    assert [(pause["name"], pause["reason"]) for pause in shape["paused"]] == [("greetings", "no ink")]
    assert shape["runners"] == []
    assert "paused   greetings" in invoke("status", exit_code=1).stdout


def test_a_runner_that_died_is_named(invoke: Invoke, project: Path) -> None:
    invoke("db", "upgrade")
    in_the_database(
        project,
        "insert into kongflow_runner "
        "(host, pid, config, queues, tasks, forbidden_flags, lease, boot, seen_mono, seen_at, alive, ticks) "
        "values ('web\x1b', 7, 'c', '[\"*\"]', '[]', '[]', 1000, 'none', 0, unixepoch() * 1000 - 60000, 0, 1)",
    )

    result = invoke("status", exit_code=1)

    assert "✗ dead runner web\\x1b:7: it died 1m" in result.stdout
    assert [runner["alive"] for runner in status(invoke, exit_code=1)["runners"]] == [False]


def test_a_database_that_cannot_be_read_is_exit_code_3(invoke: Invoke, project: Path) -> None:
    (project / "jobs.db").write_text("this is no database, and it is longer than the header of one " * 4)

    result = invoke("status", exit_code=3)

    assert result.stdout == ""
    assert "jobs.db" in result.stderr


@pytest.mark.usefixtures("tables")
def test_before_anything_was_added_all_is_well(invoke: Invoke) -> None:
    assert "runners  0 alive, 0 jobs running" in invoke("status").stdout
