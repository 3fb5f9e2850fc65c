"""The GRANTs of docs/operations.md, word for word: what each role may do, and what it may not."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from kongflow import SyncKongFlow
from kongflow.core.catalog import DatabaseSettings
from kongflow.core.job import JobState
from kongflow.errors import StoreForbidden
from tests.cli.conftest import Invoke
from tests.cli.runners import wait_for
from tests.postgres import Server

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
Become = Callable[[str], None]


def examples() -> list[str]:
    """The blocks of SQL on the page, in order."""
    return re.findall(r"```sql\n(.*?)\n```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def url(fresh_database: Callable[[str], DatabaseSettings]) -> str:
    return fresh_database("postgres").url


@pytest.fixture
def suffix() -> str:
    """Roles belong to the whole server, which other tests may share."""
    return f"_{secrets.token_hex(4)}"


@pytest.fixture
def become(url: str, suffix: str, server: Server, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Iterator[Become]:
    """Log in as a user with a role of the page and nothing else; `owner` is who applied the migrations."""
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", url)
    invoke("db", "upgrade")
    (grants,) = [block for block in examples() if "create role" in block]
    password = secrets.token_hex(8)
    roles = re.findall(r"create role (\w+)", grants)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(re.sub(r"(kongflow_[a-z]+)", rf"\1{suffix}", grants).encode())
        for role in roles:
            login = sql.SQL("create role {} login password {} in role {}")
            owner.execute(login.format(sql.Identifier(f"u{role}{suffix}"), password, sql.Identifier(role + suffix)))

    def become(name: str) -> None:
        database = conninfo_to_dict(url)["dbname"]
        login = Server(psycopg.conninfo.make_conninfo(server.dsn, user=f"ukongflow_{name}{suffix}", password=password))
        monkeypatch.setenv("KONGFLOW_DATABASE_URL", url if name == "owner" else login.url(quote(str(database))))

    yield become
    with psycopg.connect(url, autocommit=True) as owner:
        for role in roles:
            for name in (f"u{role}{suffix}", role + suffix):
                owner.execute(sql.SQL("drop owned by {0}").format(sql.Identifier(name)))
                owner.execute(sql.SQL("drop role {0}").format(sql.Identifier(name)))


def as_user() -> psycopg.Connection[tuple[object, ...]]:
    """The database in the eyes of the user that we have become."""
    import os

    return psycopg.connect(os.environ["KONGFLOW_DATABASE_URL"], autocommit=True)


def test_a_producer_adds_takes_back_and_reads_single_jobs(become: Become, invoke: Invoke) -> None:
    become("producer")
    id = invoke("enqueue", "greet", "--arg", "name=Ada").stdout.strip()
    with SyncKongFlow.from_config() as flow:
        many = flow.enqueue_many([("anything", {}), ("anything", {"n": 1}, {"job_key": "k"})])
        assert flow.enqueue("anything", job_key="k").id == many[1].id
        with flow.transaction() as tx:
            flow.enqueue("anything", connection=tx)
        assert flow.dequeue("k") is not None
        assert flow.get(id).state is JobState.READY
        with as_user() as connection, connection.transaction():
            flow.enqueue("anything", connection=connection)
            connection.execute("select kongflow.enqueue('anything')")
        with pytest.raises(StoreForbidden, match="permission denied"):
            flow.queues()

    become("worker")
    invoke("run", "--once")
    become("producer")
    assert json.loads(invoke("jobs", "wait", id, "--json").stdout)["items"][0]["state"] == "succeeded"


def test_a_producer_can_do_nothing_else(become: Become, invoke: Invoke) -> None:
    invoke("enqueue", "anything")
    become("producer")
    allowed = {"add_jobs", "await_outcome", "deployment", "dequeue", "enqueue", "get"}
    with as_user() as connection:
        functions = connection.execute(
            "select proname, has_function_privilege(oid, 'execute') from pg_proc "
            "where pronamespace = 'kongflow'::regnamespace"
        ).fetchall()
        assert {name for name, may in functions if may} == allowed
        relations = connection.execute(
            "select relname from pg_class where relnamespace = 'kongflow'::regnamespace and relkind in ('r', 'v', 'p') "
            "and has_table_privilege(oid, 'select, insert, update, delete, truncate, references, trigger')"
        ).fetchall()
        assert relations == []
        for statement in (
            b"select payload from kongflow.job",
            b"insert into kongflow.job (task) values ('anything')",
            b"select kongflow.cancel(1, '0')",
            b"select kongflow.finish_waiting(1, 7, null, null, false, null, now())",
            b"create table kongflow.mine (id integer)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    for command in (("jobs", "list"), ("queues", "list"), ("jobs", "cancel", "1"), ("run", "--once")):
        assert "permission denied" in invoke(*command, exit_code=3).stderr


def test_a_search_path_of_the_callers_own_changes_nothing(become: Become, url: str) -> None:
    """A function that runs with its owner's rights must not call what a caller has put before PostgreSQL's own."""
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("create schema evil; grant usage, create on schema evil to public")
    become("producer")
    with as_user() as connection:
        connection.execute(
            "create function evil.length(text) returns integer language plpgsql as $$ begin raise 'evil'; end $$;"
            "create function evil.jsonb_typeof(jsonb) returns text language plpgsql as $$ begin raise 'evil'; end $$;"
            "create temp table job (id integer);"
            "set search_path = evil, pg_temp, pg_catalog"
        )
        connection.execute("select kongflow.enqueue('anything', '{}', job_key => 'k')")
        connection.execute("select * from kongflow.get(1)")
        connection.execute("select kongflow.dequeue('k', '0')")
        connection.execute("drop function evil.length, evil.jsonb_typeof")


def test_a_viewer_looks_and_changes_nothing(become: Become, invoke: Invoke) -> None:
    id = invoke("enqueue", "greet", "--arg", "name=Ada").stdout.strip()
    become("viewer")
    assert id in invoke("jobs", "list").stdout
    assert '"Ada"' in invoke("jobs", "show", id, "--payload").stdout
    for filter in ("payload.name:Ada", "payload.name:A*", "payload.name:~ad"):
        assert id in invoke("jobs", "list", "--filter", filter).stdout
    for filter in ("payload.name:Bob", "error:X", "error:~x", "tag:x", "key:x"):
        assert json.loads(invoke("jobs", "list", "--filter", filter, "--json").stdout)["items"] == []
    assert "greetings" in invoke("queues", "list").stdout
    assert "leap_day" in invoke("schedules", "list").stdout
    assert "no runner" in invoke("status", exit_code=1).stdout
    assert "no runner has come yet" in invoke("plan").stdout
    invoke("workers", "list")
    assert "up to date" in invoke("db", "status").stderr
    for command in (
        ("enqueue", "anything"),
        ("jobs", "cancel", id),
        ("jobs", "retry", id),
        ("jobs", "delete", id),
        ("queues", "pause", "greetings", "--reason", "x"),
        ("schedules", "run", "leap_day"),
        ("schedules", "pause", "leap_day"),
        ("schedules", "resume", "leap_day"),
        ("run", "--once"),
    ):
        assert "permission denied" in invoke(*command, exit_code=3).stderr


def test_a_worker_runs_and_operates_without_any_ddl(become: Become, invoke: Invoke) -> None:
    become("worker")
    id = invoke("enqueue", "greet", "--arg", "name=Ada").stdout.strip()
    with as_user() as connection:
        connection.execute("select kongflow.enqueue('anything', '{}', queue => 'fast')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("create table kongflow.mine (id integer)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("drop table kongflow.job")
    failed = invoke("enqueue", "fail").stdout.strip()
    invoke("run", "--once", exit_code=1)
    states = {job["id"]: job["state"] for job in json.loads(invoke("jobs", "list", "--json").stdout)["items"]}
    assert (states.pop(id), states.pop(failed), list(states.values())) == ("succeeded", "failed", ["succeeded"])
    invoke("jobs", "retry", failed)
    invoke("jobs", "cancel", failed)
    invoke("jobs", "delete", failed)
    invoke("queues", "pause", "greetings", "--reason", "x")
    invoke("queues", "resume", "greetings")
    invoke("schedules", "pause", "leap_day")
    invoke("schedules", "run", "leap_day")
    assert "leap_day" in invoke("schedules", "list").stdout
    assert "adds jobs again" in invoke("schedules", "resume", "leap_day").stderr


def test_a_workers_runner_sees_schedules_and_forgets_those_that_are_gone(become: Become, project: Path) -> None:
    become("worker")

    def the_runner_sees(*names: str) -> bool:
        return {each.name for each in flow.schedules.list() if each.effective} == {*names}

    with SyncKongFlow.from_config() as flow, flow.running():
        wait_for(lambda: the_runner_sees("leap_day"))
    config = project / "kongflow.yaml"
    config.write_text(config.read_text().replace("leap_day:", "each_leap_day:"))
    with SyncKongFlow.from_config() as flow, flow.running():
        wait_for(lambda: the_runner_sees("each_leap_day"))


def test_a_worker_has_partitions_made_and_dropped_which_are_the_owners_and_a_viewer_reads(
    become: Become, url: str, invoke: Invoke
) -> None:
    become("worker")
    invoke("run", "--once")
    with as_user() as connection:  # what that short run has not come to
        while connection.execute("select kongflow.make_partition('0')").fetchone() == (True,):
            pass
    invoke("enqueue", "greet", "--arg", "name=Ada")
    invoke("run", "--once")
    query = (
        "select relname, relowner = (select relowner from pg_class where oid = 'kongflow.history'::regclass) "
        "from kongflow.history_partitions() join pg_class on oid = name order by relname"
    )
    with psycopg.connect(url, autocommit=True) as owner:
        made = owner.execute(query).fetchall()
        homes = owner.execute("select tableoid::regclass::text from kongflow.history").fetchall()
    assert made
    assert {owned for _, owned in made} == {True}
    assert [home.startswith("kongflow.history_succeeded_") for (home,) in homes] == [True]
    become("viewer")
    assert '"succeeded"' in invoke("jobs", "list", "--json").stdout
    become("worker")
    with as_user() as connection:
        for _ in range(3 * len(made)):
            connection.execute("select kongflow.drop_partition(now(), '90 days')")
        assert connection.execute("select name from kongflow.history_partitions()").fetchall() == []
        assert connection.execute("select from kongflow.history").fetchall() == []


def test_the_statements_of_the_page_work(become: Become, url: str, invoke: Invoke) -> None:
    with psycopg.connect(url, autocommit=True) as owner:
        for block in examples():
            if "create role" not in block:
                owner.execute(block.encode())
        owner.execute("insert into customers (name) values ('Lin')")
        found = owner.execute("select payload from kongflow.job_row order by id").fetchall()
    assert [json.loads(payload)["name"] for (payload,) in found] == ["Ada", "Grace", "Lin"]
    invoke("run", "--once")
    states = [job["state"] for job in json.loads(invoke("jobs", "list", "--json").stdout)["items"]]
    assert sorted(states) == ["scheduled", "succeeded", "succeeded"]
