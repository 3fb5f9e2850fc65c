"""Business writes and jobs that commit together, through every kind of connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from kongflow import KongFlow, SyncKongFlow, WrongDatabase
from kongflow.core.job import JobState
from kongflow.errors import InvalidOption, StoreBusy
from tests.app.conftest import engine_url

pytestmark = pytest.mark.anyio


class Sabotage(Exception):
    pass


def sabotage(wanted: bool) -> None:
    if wanted:
        raise Sabotage


@pytest.fixture
async def engine(flow: KongFlow, url: str) -> AsyncIterator[AsyncEngine]:
    """The application's own engine on the database of the jobs, with a table of its own."""
    engine = create_async_engine(engine_url(url, is_async=True))
    async with engine.begin() as connection:
        await connection.execute(text("create table orders (id integer primary key)"))
    yield engine
    await engine.dispose()


async def facts(flow: KongFlow, engine: AsyncEngine) -> tuple[int, int]:
    """Return how many orders and how many jobs there are."""
    async with engine.connect() as connection:
        orders = (await connection.execute(text("select count(*) from orders"))).scalar_one()
    return orders, len((await flow.jobs()).items)


@pytest.mark.parametrize("commits", [True, False])
async def test_our_own_transaction_holds_business_writes_and_jobs(
    commits: bool, flow: KongFlow, engine: AsyncEngine
) -> None:
    try:
        async with flow.transaction() as tx:
            await tx.execute(text("insert into orders values (1)"))
            job = await flow.enqueue("anything", connection=tx)
            assert job.created
            await flow.enqueue_many([("anything", {}), ("greet", {"name": "Ada"})], connection=tx)
            sabotage(not commits)
    except Sabotage:
        pass

    assert await facts(flow, engine) == ((1, 3) if commits else (0, 0))


@pytest.mark.parametrize("commits", [True, False])
@pytest.mark.parametrize("kind", ["AsyncSession", "AsyncConnection"])
async def test_a_job_joins_the_transaction_of_an_async_caller(
    kind: str, commits: bool, flow: KongFlow, engine: AsyncEngine
) -> None:
    async with AsyncSession(engine) if kind == "AsyncSession" else engine.connect() as caller:
        await caller.execute(text("insert into orders values (1)"))
        await flow.enqueue("anything", connection=caller)
        await (caller.commit() if commits else caller.rollback())

    assert await facts(flow, engine) == ((1, 1) if commits else (0, 0))


@pytest.mark.parametrize("commits", [True, False])
@pytest.mark.parametrize("kind", ["Session", "Connection"])
async def test_a_job_joins_the_transaction_of_a_plain_caller(
    kind: str, commits: bool, flow: KongFlow, engine: AsyncEngine, url: str
) -> None:
    plain = create_engine(engine_url(url))
    with Session(plain) if kind == "Session" else plain.connect() as caller:
        caller.execute(text("insert into orders values (1)"))
        await flow.enqueue("anything", connection=caller)
        (caller.commit if commits else caller.rollback)()
    plain.dispose()

    assert await facts(flow, engine) == ((1, 1) if commits else (0, 0))


async def test_a_dequeue_joins_too(flow: KongFlow) -> None:
    job = await flow.enqueue("anything", job_key="k")

    try:
        async with flow.transaction() as tx:
            assert await flow.dequeue("k", connection=tx) is not None
            sabotage(True)
    except Sabotage:
        pass
    assert (await flow.get(job.id)).state is JobState.READY

    async with flow.transaction() as tx:
        await flow.dequeue("k", connection=tx)
    assert (await flow.get(job.id)).state is JobState.CANCELLED


async def test_a_bad_entry_leaves_the_callers_transaction_as_it_was(flow: KongFlow, engine: AsyncEngine) -> None:
    async with flow.transaction() as tx:
        await tx.execute(text("insert into orders values (1)"))
        with pytest.raises(Exception, match="entry 2"):
            await flow.enqueue_many([("anything", {}), ("gret", {})], connection=tx)

    assert await facts(flow, engine) == (1, 0)


async def test_a_connection_to_another_database_is_refused(flow: KongFlow, project: Path) -> None:
    other = create_async_engine(f"sqlite+aiosqlite:///{project}/other.db")
    async with other.connect() as connection:
        with pytest.raises(WrongDatabase):
            await flow.enqueue("anything", connection=connection)
    await other.dispose()


async def test_what_is_no_connection_is_named(flow: KongFlow) -> None:
    with pytest.raises(InvalidOption, match=r"Session, AsyncSession, Connection or .*psycopg.*, not builtins\.str"):
        await flow.enqueue("anything", connection="sqlite:///jobs.db")


async def test_a_committed_transaction_wakes_the_runner_beside_it(flow: KongFlow) -> None:
    async with flow.running():
        async with flow.transaction() as tx:
            job = await flow.enqueue("anything", connection=tx)

        assert (await flow.wait(job.id, 60)).state is JobState.SUCCEEDED


# --- the synchronous twin --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("commits", [True, False])
def test_the_twins_own_transaction_lives_in_the_callers_thread(commits: bool, sync_flow: SyncKongFlow) -> None:
    try:
        with sync_flow.transaction() as tx:
            assert isinstance(tx, Connection)
            tx.execute(text("create table orders (id integer primary key)"))
            sync_flow.enqueue("anything", connection=tx)
            sync_flow.enqueue_many([("anything", {})], connection=tx)
            sabotage(not commits)
    except Sabotage:
        pass

    assert len(sync_flow.jobs().items) == (2 if commits else 0)


@pytest.mark.parametrize("commits", [True, False])
def test_a_session_may_carry_the_jobs_of_the_twin(commits: bool, sync_flow: SyncKongFlow, url: str) -> None:
    sync_flow.enqueue("anything", job_key="old")
    plain = create_engine(engine_url(url))
    with Session(plain) as session:
        sync_flow.enqueue("anything", connection=session)
        sync_flow.dequeue("old", connection=session)
        (session.commit if commits else session.rollback)()
    plain.dispose()

    states = sorted(str(job.state) for job in sync_flow.jobs().items)
    assert states == (["cancelled", "ready"] if commits else ["ready"])


def test_an_async_session_is_refused_by_the_twin(sync_flow: SyncKongFlow, url: str) -> None:
    session = AsyncSession(create_async_engine(engine_url(url, is_async=True)))

    with pytest.raises(InvalidOption, match="AsyncSession"):
        sync_flow.enqueue("anything", connection=session)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_call_that_forgets_its_own_transaction_is_refused_instead_of_waiting_for_it(flow: KongFlow) -> None:
    job = await flow.enqueue("anything")
    async with flow.transaction() as tx:
        for call in (flow.enqueue("anything"), flow.cancel(job.id), flow.dequeue("k")):
            with pytest.raises(StoreBusy, match="pass the transaction as connection="):
                await call
        inside = await flow.enqueue("anything", connection=tx)
        beside = asyncio.create_task(flow.enqueue("anything"))
        await asyncio.sleep(0)
    assert len({job.id, inside.id, (await beside).id}) == 3
