"""The filter language over live and finished jobs: the same jobs on both stores."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from kongflow.core.attempts import AttemptError
from kongflow.core.job import JobState, Reason
from kongflow.core.job_filter import parse_filter
from kongflow.core.outcome import Finish
from kongflow.store.records import JobCount, JobFilter
from tests.store.stage import RETRIED, Stage, add_by_sql

pytestmark = pytest.mark.anyio


def meant(filter: str, **options: Any) -> JobFilter:
    return JobFilter(terms=parse_filter(filter, datetime.now(UTC)), **options)


async def found(stage: Stage, filter: str, **options: Any) -> list[str]:
    """The jobs that a filter means, oldest first; one that is counted otherwise than listed is a bug."""
    wanted = meant(filter, **options)
    page = await stage.store.list_jobs(wanted, 100)
    assert page.next_cursor is None
    assert sum(each.count for each in await stage.store.count_jobs(wanted)) == len(page.items)
    return [job.id for job in page.items][::-1]


async def several(stage: Stage, *payloads: object) -> None:
    for payload in payloads:
        await stage.add(payload=json.dumps(payload, ensure_ascii=False))


def failed(type: str, message: str) -> Finish:
    return Finish(JobState.FAILED, Reason.ERROR, error=AttemptError(type, message))


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ("task:send_mail", ["1"]),
        ("task:send_*", ["1", "2"]),
        ("task:send_mail,other", ["1", "3"]),
        ('task:"send_*"', []),
        ("task:SEND_*", []),
        ("task:~SEND", ["1", "2"]),
        ("-task:send_*", ["3"]),
        ("send", ["1", "2"]),
        ("task:s?nd_mail", []),
        ("task:[s]end_mail", []),
        ("task:send%", []),
    ],
)
async def test_names_are_exact_with_a_star_or_contained(stage: Stage, filter: str, expected: list[str]) -> None:
    for task in ("send_mail", "send_sms", "other"):
        await stage.add(task)
    assert await found(stage, filter) == expected


async def test_what_a_pattern_means_to_a_database_is_plain_text(stage: Stage) -> None:
    for tag in ("50%", "500", "a_b", "axb", "a?b", "[a]", "back\\slash"):
        await stage.add(tags=(tag,))
    assert await found(stage, "tag:50%*") == ["1"]
    assert await found(stage, "tag:a_*") == ["3"]
    assert await found(stage, "tag:a?*") == ["5"]
    assert await found(stage, "tag:[a*") == ["6"]
    assert await found(stage, "tag:back\\*") == ["7"]


async def test_not_finds_jobs_that_have_no_value_at_all(stage: Stage) -> None:
    await stage.add(queue="mail", tags=("vip", "eu"), flags=("gpu",))
    await stage.add()
    for filter in ("queue:mail", "tag:vip", "tag:v*", "flag:gpu", "tag:us,eu"):
        assert await found(stage, filter) == ["1"]
        assert await found(stage, f"-{filter}") == ["2"]
    assert await found(stage, "-payload.user:1") == ["1", "2"]
    assert await found(stage, "-error:~x -reason:error -key:k") == ["1", "2"]


async def test_a_filter_goes_over_live_and_finished_jobs_and_combines_with_options(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add(tags=("t",))
    await stage.end(runner, await stage.claim_one(runner), failed("ValueError", "it broke"))
    await stage.add(tags=("t",))
    await stage.add(delay=60.0)
    assert await found(stage, "tag:t") == ["1", "2"]
    assert await found(stage, "tag:t", states=(JobState.FAILED,)) == ["1"]
    assert await found(stage, "state:failed,ready", tag="t") == ["1", "2"]
    assert await found(stage, "-state:failed,ready") == ["3"]
    assert await found(stage, "state:failed state:ready") == []
    assert await found(stage, "reason:error") == ["1"]
    assert await found(stage, "3") == ["3"]
    assert await found(stage, "id:1,3,999999999999999999") == ["1", "3"]


async def test_scheduled_and_retrying_are_two_states(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    await stage.end(runner, await stage.claim_one(runner), RETRIED)
    await stage.add(delay=60.0)
    assert await found(stage, "state:retrying") == ["1"]
    assert await found(stage, "state:scheduled") == ["2"]
    assert await found(stage, "-state:retrying") == ["2"]
    assert await stage.store.count_jobs(JobFilter()) == [
        JobCount("work", JobState.RETRYING, 1),
        JobCount("work", JobState.SCHEDULED, 1),
    ]


async def test_a_key_is_found_while_it_waits_while_it_runs_and_after_its_end(stage: Stage) -> None:
    runner = await stage.runner("work")
    for key in ("run:1", "run:2", "other"):
        await stage.add(key=key)
    first, _, _ = await stage.claim(runner)
    await stage.end(runner, first)
    await stage.add(key="run:3")
    assert await found(stage, "key:run:1") == ["1"]
    assert await found(stage, "key:run:*") == ["1", "2", "4"]
    assert await found(stage, "-key:run:*") == ["3"]


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ("payload.user.id:42", ["1", "2"]),
        ('payload.user.id:"42"', ["2"]),
        ("payload.user.id:42.0", ["1"]),
        ("payload.user.id:>41", ["1"]),
        ("payload.user.id:>=42 payload.user.id:<43", ["1"]),
        ("payload.user.id:~2", ["2"]),
        ("payload.user.id:4*", ["2"]),
        ("payload.on:true", ["3"]),
        ("payload.on:1", ["4"]),
        ("payload.on:null", ["5"]),
        ("payload.list.1.x:9", ["6"]),
        ("payload.list.1:9", ["7"]),
        ('payload."a b.c":ü', ["8"]),
        ("payload:~MIXED", ["9"]),
        ("payload.user:42", []),
        ("payload.user.id.deeper:42", []),
        ("payload.user.id:1e400", []),
        ("-payload.user.id:42 payload:~user", []),
    ],
)
async def test_a_value_of_the_payload_is_found_by_its_path(stage: Stage, filter: str, expected: list[str]) -> None:
    await several(
        stage,
        {"user": {"id": 42}},
        {"user": {"id": "42"}},
        {"on": True},
        {"on": 1},
        {"on": None},
        {"list": [1, {"x": 9}]},
        {"list": {"1": 9}},
        {"a b.c": "ü"},
        {"note": "Mixed case"},
    )
    assert await found(stage, filter) == expected


async def test_a_payload_that_the_database_cannot_look_into_breaks_no_list(stage: Stage) -> None:
    await stage.add(payload='{"x":1}')
    await add_by_sql(stage, payload='{"x":1,"bad":"\\u0000\\ud800"}')
    if not stage.on_postgres:
        await add_by_sql(stage, payload="no JSON at all")
    assert "1" in await found(stage, "payload.x:1")
    assert "1" not in await found(stage, "-payload.x:1")


async def test_an_error_is_found_by_its_type_and_by_its_words(stage: Stage) -> None:
    runner = await stage.runner("work")
    for type, message in (("builtins.ValueError", "no such User"), ("acme.Timeout", 'after 5s: "slow"')):
        await stage.add()
        await stage.end(runner, await stage.claim_one(runner), failed(type, message))
    await stage.add()
    assert await found(stage, "error:ValueError") == ["1"]
    assert await found(stage, "error:builtins.ValueError") == ["1"]
    assert await found(stage, "error:Error") == []
    assert await found(stage, "error:*Error") == ["1"]
    assert await found(stage, "error:~user") == ["1"]
    assert await found(stage, 'error:~"\\"slow\\""') == ["2"]
    assert await found(stage, "-error:~timeout") == ["1", "3"]


async def test_numbers_are_compared(stage: Stage) -> None:
    runner = await stage.runner("work")
    for priority in (-1, 0, 5):
        await stage.add(priority=priority)
    await stage.claim(runner, limit=1)
    assert await found(stage, "priority:>=0") == ["2", "3"]
    assert await found(stage, "priority:-1,5") == ["1", "3"]
    assert await found(stage, "-priority:0") == ["1", "3"]
    assert await found(stage, "attempt:>0") == ["1"]
    assert await found(stage, "claims:<=0 crashes:0") == ["2", "3"]


async def test_since_and_until_go_by_the_time_of_adding(stage: Stage) -> None:
    await stage.add()
    stage.advance(10.0)
    second = await stage.add()
    at = second.created_at.isoformat()
    assert await found(stage, f"since:{at}") == [second.id]
    assert await found(stage, f"until:{at}") == ["1"]
    assert await found(stage, "until:100d") == []


async def test_what_a_filter_says_is_never_sql(stage: Stage) -> None:
    await stage.add(payload=json.dumps({"x": "it's"}), tags=("'",))
    for filter in ("tag:'", "payload.x:it's", "payload:~it's", "tag:*'*"):
        assert await found(stage, filter) == ["1"]
    for filter in (
        "task:'||(select\\ 1)||'",
        "payload.x'):1",
        "payload.$[0]:1",
        "payload.{a}:1",
        "error:~%s",
        "task::x",
    ):
        assert await found(stage, filter) == []


async def test_pages_of_a_filter_follow_each_other(stage: Stage) -> None:
    runner = await stage.runner("work")
    for number in range(9):
        await stage.add(tags=("t",) if number % 2 == 0 else ())
    for job in (await stage.claim(runner, limit=4))[::2]:
        await stage.end(runner, job)
    seen: list[str] = []
    cursor = None
    while True:
        page = await stage.store.list_jobs(meant("tag:t state:succeeded,ready,running"), 2, cursor)
        seen += [job.id for job in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == ["9", "7", "5", "3", "1"]
