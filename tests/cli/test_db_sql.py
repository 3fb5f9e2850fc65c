"""`kongflow db sql`: what it prints makes the same database as `db upgrade` does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from kongflow.core.catalog import DatabaseSettings
from tests.cli.conftest import Invoke
from tests.postgres import Server

COMPARED = {
    "relations": """
        select relname, relkind, reloptions, relpersistence, case when relkind = 'v' then pg_get_viewdef(oid) end
        from pg_class where relnamespace = 'kongflow'::regnamespace order by relname""",
    "columns": """
        select relname, attnum, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
            attcollation::regcollation::text, pg_get_expr(adbin, adrelid)
        from pg_attribute join pg_class c on c.oid = attrelid
            left join pg_attrdef on adrelid = attrelid and adnum = attnum
        where relnamespace = 'kongflow'::regnamespace and attnum > 0 order by relname, attnum""",
    "constraints": """
        select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
        where connamespace = 'kongflow'::regnamespace order by 1, 2""",
    "indexes": "select indexname, indexdef from pg_indexes where schemaname = 'kongflow' order by 1",
    "functions": """
        select pg_get_functiondef(oid), proacl::text from pg_proc
        where pronamespace = 'kongflow'::regnamespace order by proname""",
    "meta": "select name, value from kongflow.meta where name <> 'identity' order by name",
    "version": "select version_num from kongflow.version",
}


@pytest.fixture
def two_databases(server: Server) -> Iterator[tuple[str, str]]:
    """The URLs of two empty databases."""
    names = server.create(), server.create()
    yield server.url(names[0]), server.url(names[1])
    for name in names:
        server.drop(name)


def catalog_of(url: str) -> dict[str, list[Any]]:
    with psycopg.connect(url) as connection:
        return {name: connection.execute(query.encode()).fetchall() for name, query in COMPARED.items()}


def test_the_printed_tables_are_those_of_an_upgrade(
    two_databases: tuple[str, str], invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgraded, by_hand = two_databases
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", upgraded)
    invoke("db", "upgrade")
    with psycopg.connect(by_hand, autocommit=True) as connection:
        connection.execute(invoke("db", "sql").stdout.encode())

    expected, found = catalog_of(upgraded), catalog_of(by_hand)

    assert all(expected.values())
    for name in COMPARED:
        assert found[name] == expected[name], name
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", by_hand)
    assert "up to date" in invoke("db", "status").stderr
    id = invoke("enqueue", "greet", "--arg", "name=Ada").stdout.strip()
    invoke("run", "--once")
    assert "succeeded" in invoke("jobs", "show", id).stdout


def test_a_schema_of_another_name_is_printed_for_that_name(
    two_databases: tuple[str, str], project: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project / "kongflow.yaml"
    config.write_text(config.read_text().replace("database: {", 'database: {schema: "abort", '))
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", two_databases[0])
    with psycopg.connect(two_databases[0], autocommit=True) as connection:
        connection.execute(invoke("db", "sql").stdout.encode())
        assert connection.execute("select to_regnamespace('kongflow')").fetchone() == (None,)
    assert "up to date" in invoke("db", "status").stderr


def test_it_connects_to_nothing(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", "postgresql://me:hunter2@127.0.0.1:1/shop")
    printed = invoke("db", "sql").stdout
    assert "create table" in printed
    assert "hunter2" not in printed


def test_what_is_there_already_is_left_alone(
    fresh_database: Callable[[str], DatabaseSettings], invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = fresh_database("postgres").url
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", url)
    before = catalog_of(url)
    with psycopg.connect(url, autocommit=True) as connection, pytest.raises(psycopg.errors.DuplicateTable):
        connection.execute(invoke("db", "sql").stdout.encode())
    assert catalog_of(url) == before


def test_sqlite_too(project: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    tables: list[list[Any]] = []
    for name in ("upgraded", "by_hand"):
        monkeypatch.setenv("KONGFLOW_DATABASE_URL", f"sqlite:///{name}.db")
        if name == "upgraded":
            invoke("db", "upgrade")
        else:
            connection = sqlite3.connect(project / "by_hand.db")
            connection.executescript(invoke("db", "sql").stdout)
            connection.close()
        assert "up to date" in invoke("db", "status").stderr
        connection = sqlite3.connect(project / f"{name}.db")
        schema = "select name, replace(replace(sql, char(9), ''), '    ', '') from sqlite_master order by name"
        tables.append(
            connection.execute(schema).fetchall()
            + connection.execute("select name, value from kongflow_meta order by name").fetchall()
        )
        connection.close()

    assert tables[0] == tables[1]
