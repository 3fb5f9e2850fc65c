"""Commands that only look change nothing, and who waits for a job looks first: neither tables nor a file are made."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import Invoke
from tests.postgres import Server

LOOKING = (
    ["jobs", "list"],
    ["jobs", "show", "1"],
    ["jobs", "wait", "1"],
    ["jobs", "cancel", "1", "--dry-run"],
    ["jobs", "retry", "--filter", "state:failed", "--dry-run"],
    ["queues", "list"],
    ["workers", "list"],
    ["status"],
)
looking = pytest.mark.parametrize("command", LOOKING, ids=" ".join)


@pytest.fixture
def empty_database(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Point the project at an empty database; returns what tells which schemas it has."""
    url = server.url(server.create())
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", url)

    def schemas() -> list[str]:
        with psycopg.connect(url) as connection:
            found = connection.execute("select nspname from pg_namespace where nspname = 'kongflow'").fetchall()
            return [name for (name,) in found]

    return schemas


@looking
def test_no_file_is_made(invoke: Invoke, project: Path, command: list[str]) -> None:
    told = invoke(*command, exit_code=4).stderr

    assert told.startswith("error: there are no tables yet at sqlite:///")
    assert "`kongflow db upgrade` makes them" in told
    assert list(project.glob("jobs.db*")) == []


@looking
def test_no_tables_are_made_in_a_file_of_somebody_else(invoke: Invoke, project: Path, command: list[str]) -> None:
    with sqlite3.connect(project / "jobs.db") as connection:
        connection.execute("create table theirs (id integer)")
    connection.close()
    before = (project / "jobs.db").read_bytes()

    assert "there are no tables yet" in invoke(*command, exit_code=4).stderr
    assert (project / "jobs.db").read_bytes() == before


@looking
def test_no_schema_is_made_on_postgresql(
    invoke: Invoke, empty_database: Callable[[], list[str]], command: list[str]
) -> None:
    assert "there are no tables yet at postgresql://" in invoke(*command, exit_code=4).stderr
    assert empty_database() == []


def test_db_status_says_that_there_are_no_tables_and_makes_no_file(invoke: Invoke, project: Path) -> None:
    result = invoke("db", "status", exit_code=4)

    assert "no tables yet" in result.stdout
    assert result.stderr == "there are no tables yet: `kongflow db upgrade` makes them\n"
    assert list(project.glob("jobs.db*")) == []


def test_db_status_says_it_of_an_empty_database_on_postgresql(
    invoke: Invoke, empty_database: Callable[[], list[str]]
) -> None:
    told = invoke("db", "status", exit_code=4).stderr

    assert told == "there are no tables yet: `kongflow db upgrade` makes them\n"
    assert empty_database() == []


def test_who_only_looks_leaves_the_tables_to_whom_they_belong(invoke: Invoke, project: Path) -> None:
    invoke("db", "upgrade")
    with sqlite3.connect(project / "jobs.db") as connection:
        connection.execute("delete from kongflow_meta where name = 'name'")

    invoke("jobs", "list")

    assert connection.execute("select count(*) from kongflow_meta where name = 'name'").fetchone() == (0,)
    connection.close()


def test_a_look_at_a_backup_leaves_its_journal_as_it_is(invoke: Invoke, project: Path) -> None:
    invoke("enqueue", "anything")
    with sqlite3.connect(project / "jobs.db") as connection:
        connection.execute("vacuum into 'copy.db'")
    connection.close()
    (project / "copy.db").replace(project / "jobs.db")
    before = (project / "jobs.db").read_bytes()

    assert "anything" in invoke("jobs", "list").stdout
    assert (project / "jobs.db").read_bytes() == before
