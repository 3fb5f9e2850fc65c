"""Who waits for jobs hears of those that others add; whatever is missed, polling finds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from sqlalchemy import create_engine

from kongflow.store.base import Store
from kongflow.store.postgres import wakeups
from tests.engine.waiting import until
from tests.store.stage import Stage, new

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def listening(store: Store) -> AsyncIterator[list[int]]:
    """Counts the wake-ups of a store; the first says that it listens."""
    heard: list[int] = []
    task = asyncio.create_task(store.listen(lambda: heard.append(1)))
    await until(lambda: len(heard) == 1)
    yield heard
    task.cancel()
    await asyncio.wait({task})


def hints_of(store: Store) -> wakeups.Listening:
    hints = store._access.wakeups  # type: ignore[attr-defined]
    assert isinstance(hints, wakeups.Listening)
    return hints


def counted(hints: wakeups.Listening, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts what would be sent."""
    sent: list[int] = []

    async def notify() -> None:
        sent.append(1)

    monkeypatch.setattr(hints, "_notify", notify)
    return sent


async def test_another_process_hears_of_a_job(stage: Stage) -> None:
    other = await stage.another()
    async with listening(other) as heard:
        await stage.add()
        await until(lambda: len(heard) == 2)


async def test_many_additions_are_told_a_few_times(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "MERGED", 1.0)
    other = await stage.another()
    async with listening(other) as heard:
        await asyncio.gather(*(stage.store.insert([new()]) for _ in range(200)))
        await until(lambda: len(heard) >= 2)
        assert len(heard) < 50


async def test_a_process_does_not_wake_itself(stage: Stage) -> None:
    other = await stage.another()
    async with listening(other) as heard, listening(stage.store) as own:
        await stage.add()
        await until(lambda: len(heard) == 2)
        assert len(own) == 1


async def test_jobs_of_a_users_transaction_are_told_after_its_commit(stage: Stage) -> None:
    other = await stage.another()
    async with listening(other) as heard:
        async with stage.store.transaction() as connection:
            await connection.run_sync(lambda sync: stage.store.insert_in(sync, [new()]))
            await stage.sql("select 1")
            assert len(heard) == 1
        await until(lambda: len(heard) == 2)


async def test_a_connection_that_adds_often_is_listened_to_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = counted(hints_of(stage.store), monkeypatch)
    engine = create_engine(stage.settings.url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        for commits in (1, 2):
            for _ in range(3):
                stage.store.insert_in(connection, [new()])
            connection.commit()
            await until(lambda commits=commits: len(sent) == commits)
        connection.exec_driver_sql("select 1")
        connection.commit()

        assert len(list(connection.dispatch.commit)) == 1
    await asyncio.sleep(3 * wakeups.MERGED)
    assert len(sent) == 2, "a commit without jobs is not told"
    engine.dispose()


async def test_what_commits_just_before_the_end_is_told_before_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints = hints_of(await stage.another())
    sent = counted(hints, monkeypatch)
    hints.announce_after_commit()
    await hints.close()
    assert len(sent) == 1


async def test_nothing_is_sent_after_the_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    hints = hints_of(await stage.another())
    sent = counted(hints, monkeypatch)
    await hints.close()

    hints.announce()
    hints.announce_after_commit()
    await asyncio.sleep(3 * wakeups.MERGED)

    assert sent == []


async def test_the_users_transaction_itself_notifies_nobody(stage: Stage) -> None:
    engine = create_engine(stage.settings.url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        connection.exec_driver_sql("listen kongflow_jobs")
        connection.commit()
        user = connection.connection.driver_connection
        assert user is not None
        stage.store.insert_in(connection, [new()])
        connection.commit()

        (notify,) = await asyncio.to_thread(lambda: list(user.notifies(timeout=60, stop_after=1)))

        assert notify.pid != user.info.backend_pid
    engine.dispose()


async def test_a_listener_whose_connection_is_ended_listens_again_and_looks_at_once(stage: Stage) -> None:
    other = await stage.another()
    async with listening(other) as heard:
        await stage.sql(
            "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity "
            "where datname = current_database() and query like 'listen %'"
        )
        await until(lambda: len(heard) == 2)
        await stage.add()
        await until(lambda: len(heard) == 3)


async def test_a_listener_that_hears_nothing_calls_to_itself(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "ECHO_EVERY", 0.05)
    with psycopg.connect(stage.settings.url, autocommit=True) as ear:
        ear.execute("listen kongflow_jobs")
        async with listening(stage.store) as heard:
            calls = await asyncio.to_thread(lambda: list(ear.notifies(timeout=60, stop_after=3)))
            assert len(calls) == 3
            assert len(heard) == 1, "its own call is no news"


async def test_a_listener_that_does_not_hear_itself_connects_anew(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeups, "ECHO_EVERY", 0.05)
    monkeypatch.setattr(wakeups, "ECHO_WITHIN", 0.2)
    async with listening(stage.store) as heard:
        # What a pooler between us and the server does: the connection lives, and listens to nothing.
        monkeypatch.setattr(hints_of(stage.store), "_channel", "elsewhere")
        await until(lambda: len(heard) >= 2)
