"""The application's tables and the commands that set them up."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import insert, select

from catalog import PROJECT
from catalog.app.__main__ import main
from catalog.app.database import begin, database_url
from catalog.app.endpoints import InvalidEndpoint, NewEndpoint, add_endpoint, load_endpoint
from catalog.app.models import EndpointIndex, EnvironmentType

pytestmark = pytest.mark.anyio

NEW = ("https://shop.example/api/trigger", "tr_prod_1", "shop", EnvironmentType.PRODUCTION, "shop", "acme")


def app(*arguments, **variables):
    return subprocess.run(
        [sys.executable, "-m", "catalog.app", *arguments],
        cwd=PROJECT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_database_is_that_of_kongflow_yaml():
    assert database_url({}).database == str(PROJECT / "kongflow.db")
    assert database_url({"KONGFLOW_DATABASE_URL": "sqlite:////tmp/x.db?synchronous=normal"}).render_as_string() == (
        "sqlite+aiosqlite:////tmp/x.db"
    )
    assert database_url({"KONGFLOW_DATABASE_URL": "postgresql://u:p@db/app"}).drivername == "postgresql+psycopg"
    assert "sqlite:///kongflow.db" in (PROJECT / "kongflow.yaml").read_text()


async def test_tables_are_created_when_first_used_even_by_many_at_once():
    async def use():
        async with begin() as session:
            return await load_endpoint(session, "ep_none")

    assert await asyncio.gather(*(use() for _ in range(8))) == [None] * 8


@pytest.mark.usefixtures("database")
async def test_an_exception_rolls_back():
    added = []

    async def add_and_fail():
        async with begin() as session:
            added.append(await add_endpoint(session, NewEndpoint(*NEW)))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await add_and_fail()

    async with begin() as session:
        assert await load_endpoint(session, added[0]) is None


@pytest.mark.usefixtures("database")
async def test_adding_an_endpoint_again_updates_it():
    async with begin() as session:
        first = await add_endpoint(session, NewEndpoint(*NEW))
        second = await add_endpoint(session, NewEndpoint("https://new.example/", "tr_prod_2", *NEW[2:]))
        endpoint = await load_endpoint(session, first)

    assert second == first
    assert endpoint is not None
    assert (endpoint.url, endpoint.api_key) == ("https://new.example/", "tr_prod_2")
    assert "tr_prod_2" not in repr(endpoint)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("ftp://shop.example/", "k"),
        ("shop.example", "k"),
        ("https://user:secret@shop.example/", "k"),
        ("https://shop.example/\n", "k"),
        ("https://[shop/", "k"),
        ("https://shop.example:http/", "k"),
        ("https://shop.example/", "ü"),
        ("https://shop.example/", "a\r\nb"),
        ("https://shop.example/", " "),
    ],
)
def test_an_endpoint_that_could_not_be_called_is_refused(url, key):
    with pytest.raises(InvalidEndpoint) as caught:
        NewEndpoint(url, key, *NEW[2:])
    assert "secret" not in str(caught.value)


@pytest.mark.usefixtures("database")
async def test_instants_come_back_as_utc_and_a_naive_one_is_refused():
    at = datetime(2026, 1, 31, 13, 5, tzinfo=timezone(timedelta(hours=1)))
    async with begin() as session:
        endpoint = await add_endpoint(session, NewEndpoint(*NEW))
        row = {"endpoint_id": endpoint, "source": "API", "stats": {}, "data": {}}
        await session.execute(insert(EndpointIndex).values(**row, created_at=at))
        (stored,) = (await session.execute(select(EndpointIndex.created_at))).scalars()
        assert (stored, stored.tzinfo) == (at, UTC)
        with pytest.raises(Exception, match="has no time zone"):
            await session.execute(insert(EndpointIndex).values(**row, created_at=at.replace(tzinfo=None)))


def test_the_commands_register_and_list_an_endpoint(tmp_path: Path):
    created = app("create-tables")
    assert (created.returncode, created.stdout) == (0, "")

    added = app("add-endpoint", "https://shop.example/api/trigger", TRIGGER_API_KEY="tr_prod_1")
    endpoint = added.stdout.strip()
    assert added.returncode == 0
    assert f"kongflow enqueue indexEndpoint '{json.dumps({'id': endpoint})}'" in added.stderr

    listed = app("endpoints")
    assert listed.stdout == f"{endpoint}  PRODUCTION  default  https://shop.example/api/trigger  never indexed\n"
    assert "tr_prod_1" not in added.stdout + added.stderr + listed.stdout
    with sqlite3.connect(tmp_path / "app.db") as database:
        assert database.execute("select count(*) from endpoints").fetchone() == (1,)
    database.close()


def test_an_address_that_would_never_be_called_is_refused_with_what_to_do(monkeypatch):
    def added(url, *arguments):
        return CliRunner().invoke(main, ["add-endpoint", url, "--api-key", "k", *arguments])

    monkeypatch.delenv("ENDPOINT_ALLOW")
    for host in ("127.0.0.1", "localhost", "[::1]"):
        refused = added(f"http://{host}:3000/api/trigger")
        assert refused.exit_code == 2
        assert "no public address; ENDPOINT_ALLOW may list its network, and environments of type DEV" in refused.stderr
    assert added("http://localhost:3000/api/trigger", "--environment", "DEVELOPMENT").exit_code == 0
    metadata = added("http://169.254.169.254/", "--environment", "DEVELOPMENT")
    assert "169.254.169.254 is no public address; ENDPOINT_ALLOW may list its network\n" in metadata.stderr


def test_wrong_usage_gets_a_word():
    def added(url, *arguments):
        return CliRunner().invoke(main, ["add-endpoint", url, *arguments], env={"TRIGGER_API_KEY": ""})

    assert added("https://shop.example/", "--api-key", "tr_prod_1").exit_code == 0
    for failed, word in [
        (added("nonsense", "--api-key", "k"), "no http or https URL"),
        (added("https://a.example/", "--project", "a", "--api-key", "tr_prod_1"), "its own"),
        (added("https://shop.example/"), "api-key"),
    ]:
        assert (failed.exit_code, word in failed.stderr) == (2, True)


def test_a_database_that_cannot_be_used_gets_a_word_and_no_traceback(tmp_path: Path):
    not_one = tmp_path / "notes.txt"
    not_one.write_text("not a database\n" * 100)
    for url, word in [
        (f"sqlite:///{tmp_path}/none/app.db", "none/app.db cannot be opened"),
        (f"sqlite:///{not_one}", "file is not a database"),
        ("mysql://db/app", "neither sqlite nor postgresql"),
        ("nonsense", "the database cannot be used"),
    ]:
        failed = app("endpoints", KONGFLOW_DATABASE_URL=url)
        assert failed.returncode == 1
        assert word in failed.stderr
        assert "Traceback" not in failed.stderr
