"""What a plain insert may leave in a file, whose columns hold any text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kongflow.core.job import Reason
from kongflow.store.inspection import FIRST
from kongflow.store.records import Routed
from tests.store.stage import FAILED, Stage, add_by_sql, new

pytestmark = pytest.mark.anyio

REFUSED = replace(FAILED, reason=Reason.INVALID_PAYLOAD)


@pytest.mark.parametrize("payload", ["not json", "", "[1", "\x00", "NaN", '{"a":1,"a":2}', "x" * 2_000_000])
async def test_any_text_can_stand_in_an_unrouted_row(stage: Stage, payload: str) -> None:
    runner = await stage.runner("work")
    id = await add_by_sql(stage, payload=payload)
    (job,) = await stage.store.unrouted(runner, 10)
    assert job.payload == payload
    assert (await stage.job(id)).state == "unrouted"
    assert await stage.store.route(runner, [Routed(id, None, REFUSED)]) == {id}
    assert await stage.state(id) == "failed: invalid_payload"


async def test_bytes_that_are_no_text_disturb_nobody(stage: Stage) -> None:
    runner = await stage.runner("work")
    values = "'work', cast(x'ff7b7d' as text), cast(x'fe' as text)"
    await stage.sql(f"insert into kongflow_job (task, payload, queue) values ({values})")
    (job,) = await stage.store.unrouted(runner, 10)
    assert (job.payload, job.options.queue) == ("\ufffd{}", "\ufffd")
    assert [found.as_unrouted() for found in await stage.store.inspection.live_jobs(FIRST)] == [job]
    await stage.store.route(runner, [Routed(job.id, None, REFUSED)])
    assert await stage.state(job.id) == "failed: invalid_payload"


@pytest.mark.parametrize(
    ("column", "value"), [("run_at", "tomorrow"), ("run_at", -1), ("tags", '{"a":1}'), ("flags", "no json")]
)
async def test_what_no_runner_could_read_is_refused_at_the_door(stage: Stage, column: str, value: object) -> None:
    with pytest.raises(Exception, match=r"constraint|cannot store|malformed"):
        await add_by_sql(stage, **{"task": "work", column: value})


@pytest.mark.parametrize("attempts", ["not json", "{}", "5"])
async def test_attempts_that_are_no_list_are_refused_at_the_door(stage: Stage, attempts: str) -> None:
    with pytest.raises(Exception, match=r"constraint|malformed"):
        await add_by_sql(stage, attempts=attempts)


@pytest.mark.parametrize(
    "entry",
    [
        "1",
        "{}",
        '{"attempt": "x", "outcome": "failed", "ended_at": 1}',
        '{"attempt": 1, "outcome": "lost", "ended_at": 1}',
        '{"attempt": 1, "outcome": [], "ended_at": 1}',
        '{"attempt": 1, "outcome": "failed", "ended_at": -1}',
        '{"attempt": 1, "outcome": "failed", "ended_at": 1, "started_at": "x"}',
        '{"attempt": 1, "outcome": "failed", "ended_at": 1, "runner": 5}',
        '{"attempt": 1, "outcome": "failed", "ended_at": 1, "error": {"type": "E"}}',
        '{"attempt": 1, "outcome": "failed", "ended_at": 1, "log": {"left_out": 0}}',
        '{"attempt": 1, "outcome": "failed", "ended_at": 1, "log": {"left_out": 0, "lines": [{"at": 1}]}}',
    ],
)
async def test_attempts_that_are_not_ours_are_left_out(stage: Stage, entry: str) -> None:
    runner = await stage.runner("work")
    id = await add_by_sql(stage, attempts=f"[{entry}]")
    await stage.store.route(runner, [Routed(id, new())])
    await stage.end(runner, await stage.claim_one(runner), FAILED)
    job = await stage.job(id)
    assert [attempt.runner for attempt in job.attempts] == ["here:1"]
    assert job.error is not None
