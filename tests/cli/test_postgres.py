"""The same commands on PostgreSQL: the URL is all that changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kongflow.core.catalog import DatabaseSettings
from tests.cli.conftest import Invoke


@pytest.fixture(autouse=True)
def on_postgres(
    project: Path, fresh_database: Callable[[str], DatabaseSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", fresh_database("postgres").url)


def test_a_job_is_added_run_and_shown(invoke: Invoke) -> None:
    id = invoke("enqueue", "greet", "--arg", "name=Ada").stdout.strip()
    invoke("run", "--once")
    job = json.loads(invoke("jobs", "show", id, "--json").stdout)

    assert (job["state"], job["result"]) == ("succeeded", "Hello, Ada!")
    assert id in invoke("jobs", "list", "--state", "succeeded").stdout
    assert "greetings" in invoke("queues", "list").stdout


def test_the_tables_are_at_their_head_and_an_upgrade_changes_nothing(invoke: Invoke) -> None:
    assert "up to date" in invoke("db", "status").stderr
    invoke("db", "upgrade")


def test_a_server_that_is_away_is_3_in_words_without_the_password(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", "postgresql://me:hunter2@127.0.0.1:1/shop")

    told = invoke("jobs", "list", exit_code=3).stderr

    assert told.startswith("error: postgresql://127.0.0.1:1/shop cannot be reached")
    assert "hunter2" not in told
