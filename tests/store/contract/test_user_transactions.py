"""Jobs that commit together with a user's own writes, through the user's own connection."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from kongflow.core.catalog import DatabaseSettings
from kongflow.core.outcome import Finish, RunAgain
from kongflow.errors import InvalidOption, WrongDatabase
from kongflow.store.connections import run_in, sync_connection
from kongflow.store.records import Settlement
from tests.store.stage import FAILED, RETRIED, SUCCEEDED, Stage, new

pytestmark = pytest.mark.anyio

T = TypeVar("T")


class Undone(Exception):
    """What a user's code raises in the middle of a transaction."""


async def rolled_back(stage: Stage, work: Callable[[Connection], T]) -> T:
    """Do something inside a transaction that is rolled back."""
    with suppress(Undone):
        async with stage.store.transaction() as connection:
            result = await run_in(connection, work)
            raise Undone
    return result


def rolled_back_sync(stage: Stage, work: Callable[[Connection], T]) -> T:
    """The same in sync code."""
    with suppress(Undone), stage.store.sync_transaction() as connection:
        result = work(connection)
        raise Undone
    return result


async def test_a_job_is_there_when_the_transaction_has_committed_and_not_before(stage: Stage) -> None:
    async with stage.store.transaction() as connection:
        await connection.execute(text("create table orders (id integer primary key)"))
        await connection.execute(text("insert into orders values (1)"))
        (job,) = await run_in(connection, lambda sync: stage.store.insert_in(sync, [new()]))
        assert job.created
        assert await stage.state(job.id) == "gone"
    assert await stage.state(job.id) == "ready"


async def test_a_job_is_gone_when_the_transaction_is_rolled_back(stage: Stage) -> None:
    (job,) = await rolled_back(stage, lambda sync: stage.store.insert_in(sync, [new(key="k")]))
    assert await stage.state(job.id) == "gone"
    assert (await stage.add(key="k")).created


async def test_the_same_holds_for_sync_code(stage: Stage) -> None:
    with stage.store.sync_transaction() as connection:
        stage.store.insert_in(connection, [new(key="k")])
    assert rolled_back_sync(stage, lambda sync: stage.store.dequeue_in(sync, "k")) is not None
    with stage.store.sync_transaction() as connection:
        assert stage.store.dequeue_in(connection, "k") is not None


async def test_every_kind_of_sqlalchemy_connection_is_taken(stage: Stage, database: DatabaseSettings) -> None:
    url = make_url(database.url if stage.on_postgres else database.url.partition("?")[0])
    sync_driver, async_driver = ("psycopg", "psycopg") if stage.on_postgres else ("pysqlite", "aiosqlite")
    engine = create_engine(url.set(drivername=f"{url.get_backend_name()}+{sync_driver}"))
    async_engine = create_async_engine(url.set(drivername=f"{url.get_backend_name()}+{async_driver}"))
    with Session(engine) as session, session.begin():
        await run_in(session, lambda sync: stage.store.insert_in(sync, [new(key="a")]))
    with engine.begin() as connection:
        stage.store.insert_in(sync_connection(connection), [new(key="a")])
    async with AsyncSession(async_engine) as async_session, async_session.begin():
        await run_in(async_session, lambda sync: stage.store.insert_in(sync, [new(key="a")]))
    async with async_engine.begin() as async_connection:
        await run_in(async_connection, lambda sync: stage.store.insert_in(sync, [new(), new(key="a")]))
    engine.dispose()
    await async_engine.dispose()
    runner = await stage.runner("work")
    assert len(await stage.claim_ids(runner)) == 2


@pytest.mark.parametrize("connection", [None, "sqlite://", object()])
async def test_anything_else_is_no_connection(connection: object) -> None:
    with pytest.raises(InvalidOption, match="connection="):
        await run_in(connection, lambda sync: sync)


async def test_a_connection_to_another_database_is_refused(stage: Stage, tmp_path: object) -> None:
    for url in (f"sqlite:///{tmp_path}/other.db", "sqlite://"):
        engine = create_engine(url)
        with engine.begin() as connection:
            with pytest.raises(WrongDatabase, match="the jobs are kept in"):
                stage.store.insert_in(connection, [new()])
            with pytest.raises(WrongDatabase):
                stage.store.dequeue_in(connection, "k")
        engine.dispose()


async def test_superseding_inside_a_transaction_ends_with_it(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add(key="k")
    await stage.end(runner, await stage.claim_one(runner), RETRIED)
    await rolled_back(stage, lambda sync: stage.store.insert_in(sync, [new(key="k")]))
    assert await stage.state("1") == "retrying"
    async with stage.store.transaction() as connection:
        await run_in(connection, lambda sync: stage.store.insert_in(sync, [new(key="k")]))
    assert await stage.state("1") == "cancelled: superseded"


async def test_a_running_job_of_the_key_gives_way_also_to_one_added_inside_a_transaction(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add(key="k")
    old = await stage.claim_one(runner)
    async with stage.store.transaction() as connection:
        await run_in(connection, lambda sync: stage.store.insert_in(sync, [new(key="k")]))
    await stage.end(runner, old, FAILED)
    assert await stage.state(old.id) == "cancelled: superseded"


async def test_a_job_completes_together_with_its_writes(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await stage.store.insert([new(queue="mail"), new(queue="mail")])
    job = await stage.claim_one(runner)
    with stage.store.sync_transaction() as connection:
        connection.execute(text("create table sent (id text)"))
        connection.execute(text("insert into sent values (:id)"), {"id": job.id})
        assert not stage.store.settle_in(connection, Settlement(job.id, job.lease, SUCCEEDED)).lost
    assert await stage.state(job.id) == "succeeded"
    assert await stage.claim_ids(runner) == ["2"]


async def test_a_completion_that_is_rolled_back_never_was(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(runner)
    rolled_back_sync(stage, lambda sync: stage.store.settle_in(sync, Settlement(job.id, job.lease, SUCCEEDED)))
    assert await stage.state(job.id) == "running"
    assert not (await stage.end(runner, job)).lost


@pytest.mark.parametrize("end", [FAILED, RETRIED, RunAgain(0.0, gives_back=True)])
async def test_any_end_can_be_written_inside_a_transaction(stage: Stage, end: Finish | RunAgain) -> None:
    runner = await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(runner)
    await stage.store.cancel(job.id)
    with stage.store.sync_transaction() as connection:
        stage.store.settle_in(connection, Settlement(job.id, job.lease, end))
    assert await stage.state(job.id) == "cancelled: request"


async def test_a_users_tables_may_share_the_database(stage: Stage) -> None:
    async with stage.store.transaction() as connection:
        await connection.execute(text("create table kongflow_orders (id integer)"))
        await connection.execute(text("create table alembic_version (version_num text)"))
        await connection.execute(text("insert into alembic_version values ('users own')"))
    assert (await stage.store.migrate()).up_to_date
    async with stage.store.transaction() as connection:
        version = await connection.execute(text("select version_num from alembic_version"))
        assert version.scalar_one() == "users own"
