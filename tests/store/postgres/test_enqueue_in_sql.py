"""kongflow.enqueue: what other languages, triggers and psql add jobs with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from kongflow.core.catalog import DatabaseSettings
from kongflow.core.job import JobOptions
from kongflow.core.new_job import MAX_ATTEMPTS, MAX_JOB_KEY, MAX_LABEL, MAX_LABELS
from kongflow.core.queue import MAX_QUEUE_NAME
from kongflow.core.task import MAX_PRIORITY, MIN_PRIORITY, JobKeyMode
from tests.store.stage import Stage

pytestmark = pytest.mark.anyio


@pytest.fixture
def caller(database: DatabaseSettings) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.url) as connection:
        yield connection


def enqueue(connection: psycopg.Connection[Any], *given: object, **options: object) -> str:
    """Call the function with arguments in order and by name."""
    arguments = [sql.SQL("{}").format(value) for value in given]
    named = [sql.SQL("{} => {}").format(sql.Identifier(name), value) for name, value in options.items()]
    query = sql.SQL("select kongflow.enqueue({})").format(sql.SQL(", ").join([*arguments, *named]))
    (id,) = connection.execute(query).fetchone() or (None,)
    return str(id)


async def test_a_task_alone_is_enough(stage: Stage, caller: psycopg.Connection[Any]) -> None:
    id = enqueue(caller, "work")
    assert await stage.state(id) == "gone"
    caller.commit()
    assert await stage.state(id) == "unrouted"
    (job,) = await stage.store.unrouted(await stage.runner("work"), 10)
    assert (job.id, job.task, job.payload, job.options, job.was_rendered) == (id, "work", "{}", JobOptions(), False)


async def test_every_option_is_told_to_the_runner(stage: Stage, caller: psycopg.Connection[Any]) -> None:
    at = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    options = {"queue": "mail", "priority": -5, "max_attempts": 3, "flags": ["big"], "tags": ["vip", "eu"]}
    enqueue(caller, "work", Jsonb({"n": 1}), **options, run_at=at, job_key="k", job_key_mode="preserve_run_at")
    caller.commit()
    (job,) = await stage.store.unrouted(await stage.runner("work"), 10)
    assert job.payload == '{"n": 1}'
    assert job.options == JobOptions(
        run_at=at,
        queue="mail",
        priority=-5,
        max_attempts=3,
        job_key="k",
        job_key_mode=JobKeyMode.PRESERVE_RUN_AT,
        flags=("big",),
        tags=("vip", "eu"),
    )


async def test_a_delay_counts_from_the_databases_clock(stage: Stage, caller: psycopg.Connection[Any]) -> None:
    ids = [enqueue(caller, "work", delay=timedelta(minutes=minutes)) for minutes in (5, -5)]
    caller.commit()
    late, early = [(await stage.job(id)).run_at - (await stage.job(id)).created_at for id in ids]
    assert timedelta(minutes=4) < late < timedelta(minutes=6)
    assert early == timedelta()


async def test_a_delay_below_0_is_now_as_in_python(stage: Stage, caller: psycopg.Connection[Any]) -> None:
    waiting = await stage.add()
    late = await stage.add(delay=-3600.0)
    from_sql = enqueue(caller, "anything", delay=timedelta(hours=-1))
    caller.commit()
    jobs = [await stage.job(id) for id in (waiting.id, late.id, str(from_sql))]
    assert [job.run_at - job.created_at for job in jobs] == [timedelta()] * 3


async def test_what_has_passed_long_ago_is_due_now(stage: Stage, caller: psycopg.Connection[Any]) -> None:
    id = enqueue(caller, "work", run_at=datetime(1, 1, 1, tzinfo=UTC))
    caller.commit()
    assert (await stage.job(id)).run_at == datetime(1970, 1, 1, tzinfo=UTC)


def test_the_limits_are_those_of_the_api(caller: psycopg.Connection[Any]) -> None:
    enqueue(
        caller,
        "a" * 128,
        queue="q" * MAX_QUEUE_NAME,
        priority=MIN_PRIORITY,
        max_attempts=MAX_ATTEMPTS,
        job_key="k" * MAX_JOB_KEY,
        flags=["f" * MAX_LABEL] * MAX_LABELS,
        delay=timedelta(days=36_500),
    )
    enqueue(caller, "work", priority=MAX_PRIORITY, tags=[], payload=None)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"task": None}, "NULL is no name of a task"),
        ({"task": ""}, "'' is no name of a task"),
        ({"task": "1st"}, "a letter first"),
        ({"task": "a\nb"}, "is no name of a task"),
        ({"task": "a" * 129}, "is no name of a task"),
        ({"payload": Jsonb([1])}, "the payload is a JSON object, not array"),
        ({"payload": Jsonb(None)}, "the payload is a JSON object, not null"),
        ({"payload": Jsonb({"text": "x" * 1_048_576})}, r"the payload is 1048\d\d\d bytes of JSON"),
        ({"queue": ""}, "a queue name has 1 to 128 characters, this one has 0"),
        ({"queue": "q" * 129}, "this one has 129"),
        ({"queue": " q"}, "begins or ends with a space"),
        ({"queue": "runs:*"}, 'holds a control character or "\\*"'),
        ({"queue": "a\tb"}, "holds a control character"),
        ({"priority": 32_768}, "a priority is -32768 to 32767, not 32768"),
        ({"max_attempts": 0}, "max_attempts is 1 to 32767, not 0"),
        ({"max_attempts": 32_768}, "max_attempts is 1 to 32767, not 32768"),
        ({"job_key": ""}, "a job key has 1 to 512 characters, this one has 0"),
        ({"job_key": "k" * 513}, "this one has 513"),
        ({"job_key": "a\x7fb"}, "the job key '.*' holds a control character"),
        ({"job_key_mode": "both"}, "job_key_mode is one of replace, preserve_run_at, unsafe_dedupe, not 'both'"),
        ({"flags": ["f"] * 33}, "a job has at most 32 flags, this one has 33"),
        ({"flags": ["f", None]}, "one of the flags is null"),
        ({"tags": [""]}, "each of the tags has 1 to 128 characters, one here has 0"),
        ({"tags": ["a\u2028b"]}, "one of the tags holds a control character"),
        ({"run_at": datetime(2030, 1, 1, tzinfo=UTC), "delay": timedelta(1)}, "give run_at or delay, not both"),
        ({"run_at": "infinity"}, "run_at and delay are finite"),
        ({"run_at": "9999-01-01"}, "more than a hundred years away"),
        ({"delay": timedelta(days=36_501)}, "is not within a hundred years"),
    ],
)
def test_what_can_never_be_meant_is_refused_in_words(
    options: dict[str, object], told: str, caller: psycopg.Connection[Any]
) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=rf'(?s)kongflow"?\.enqueue: .*{told}'):
        enqueue(caller, **{"task": "work", **options})


async def test_a_newer_job_of_a_key_waits_for_no_open_transaction(
    stage: Stage, caller: psycopg.Connection[Any], database: DatabaseSettings
) -> None:
    first = enqueue(caller, "work", job_key="k")
    with psycopg.connect(database.url) as other:
        other.execute("set lock_timeout = '10ms'")
        second = enqueue(other, "work", job_key="k")
    assert await stage.state(second) == "unrouted"
    caller.rollback()
    assert await stage.state(first) == "gone"


async def test_dequeue_finds_it(stage: Stage, caller: psycopg.Connection[Any]) -> None:
    id = enqueue(caller, "work", job_key="k")
    caller.commit()
    dequeued = await stage.store.dequeue("k")
    assert dequeued is not None
    assert (dequeued.id, dequeued.state) == (id, "cancelled")
