"""Lists and counts."""

from __future__ import annotations

import pytest

from kongflow.core.job import Job, JobState
from kongflow.errors import InvalidOption
from kongflow.store.records import JobFilter, Pending, QueueCounts
from tests.store.stage import FAILED, LEASE, RETRIED, Stage, add_by_sql, new

pytestmark = pytest.mark.anyio


async def _ids(stage: Stage, **filter: object) -> list[str]:
    page = await stage.store.list_jobs(JobFilter(**filter), 100)  # type: ignore[arg-type]
    assert page.next_cursor is None
    return [job.id for job in page.items]


async def _one_of_each(stage: Stage) -> dict[str, str]:
    """A job in every state."""
    runner = await stage.runner("work", queues={"mail": 1})
    ids: dict[str, str] = {}
    for name, end in (("succeeded", None), ("failed", FAILED), ("retrying", RETRIED)):
        await stage.add(queue="mail", tags=(name, "all"))
        job = await stage.claim_one(runner)
        ids[name] = job.id
        await (stage.end(runner, job) if end is None else stage.end(runner, job, end))
    ids["cancelled"] = (await stage.add()).id
    await stage.store.cancel(ids["cancelled"])
    ids["running"] = (await stage.add(queue="mail", key="k")).id
    await stage.claim(runner)
    ids["blocked"] = (await stage.add(queue="mail")).id
    await stage.claim(runner)
    ids["ready"] = (await stage.add("other")).id
    ids["scheduled"] = (await stage.add(delay=60.0)).id
    ids["unrouted"] = await add_by_sql(stage)
    return ids


async def test_every_state_can_be_listed(stage: Stage) -> None:
    ids = await _one_of_each(stage)
    assert set(ids) == set(JobState)
    for state, id in ids.items():
        assert await _ids(stage, states=(JobState(state),)) == [id]
        assert (await stage.job(id)).state == state


async def test_live_and_finished_jobs_are_listed_together_newest_first(stage: Stage) -> None:
    ids = await _one_of_each(stage)
    assert await _ids(stage) == sorted(ids.values(), key=int, reverse=True)
    some = (JobState.SUCCEEDED, JobState.SCHEDULED, JobState.BLOCKED)
    assert await _ids(stage, states=some) == [ids["scheduled"], ids["blocked"], ids["succeeded"]]


async def test_what_is_listed_is_what_get_returns(stage: Stage) -> None:
    await _one_of_each(stage)
    for job in (await stage.store.list_jobs(JobFilter(), 100)).items:
        assert job == await stage.job(job.id)


async def test_filters_hold_together(stage: Stage) -> None:
    ids = await _one_of_each(stage)
    assert await _ids(stage, task="other") == [ids["ready"]]
    assert await _ids(stage, key="k") == [ids["running"]]
    assert await _ids(stage, tag="failed") == [ids["failed"]]
    assert await _ids(stage, tag="all") == [ids["retrying"], ids["failed"], ids["succeeded"]]
    assert await _ids(stage, tag="all", states=(JobState.FAILED,), queue="mail") == [ids["failed"]]
    assert await _ids(stage, queue="nowhere") == []
    assert await _ids(stage, tag="a%") == []


async def test_since_is_compared_with_the_time_of_adding(stage: Stage) -> None:
    await stage.add()
    stage.advance(10.0)
    second = await stage.add(delay=100.0)
    assert await _ids(stage, since=second.created_at) == [second.id]


async def test_pages_follow_each_other_without_gap_or_repeat(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.store.insert([new() for _ in range(25)])
    for job in (await stage.claim(runner, limit=13))[::2]:
        await stage.end(runner, job)
    seen: list[Job] = []
    cursor = None
    for _ in range(3):
        page = await stage.store.list_jobs(JobFilter(), 10, cursor)
        seen += page.items
        cursor = page.next_cursor
        await stage.add()
    assert cursor is None
    assert [int(job.id) for job in seen] == list(range(25, 0, -1))


async def test_a_last_page_that_is_full_has_no_cursor(stage: Stage) -> None:
    await stage.store.insert([new() for _ in range(3)])
    assert (await stage.store.list_jobs(JobFilter(), 3)).next_cursor is None
    assert (await stage.store.list_jobs(JobFilter(), 2)).next_cursor is not None


@pytest.mark.parametrize("cursor", ["x", "", "ÿ", "YmVmb3JlOnh4", "'; drop table kongflow_job"])
async def test_a_cursor_of_somebody_elses_is_refused(stage: Stage, cursor: str) -> None:
    with pytest.raises(InvalidOption, match="cursor"):
        await stage.store.list_jobs(JobFilter(), 10, cursor)


async def test_queue_counts_show_states_and_the_limit_in_force(stage: Stage) -> None:
    await _one_of_each(stage)
    await stage.add(queue="undeclared")
    states = JobState
    assert await stage.store.queue_counts() == [
        QueueCounts(None, {states.READY: 1, states.SCHEDULED: 1, states.UNROUTED: 1}, None, declared=True),
        QueueCounts("mail", {states.BLOCKED: 1, states.RUNNING: 1, states.RETRYING: 1}, 1, declared=True),
        QueueCounts("undeclared", {states.READY: 1}, 1, declared=False),
    ]


async def test_declared_queues_are_shown_also_when_they_are_empty(stage: Stage) -> None:
    await stage.runner(queues={"mail": 4, "runs:*": 1, "bulk": None})
    assert await stage.store.queue_counts() == [
        QueueCounts("bulk", {}, None, declared=True),
        QueueCounts("mail", {}, 4, declared=True),
    ]


async def test_pending_counts_what_this_runner_could_take_and_what_it_could_not(stage: Stage) -> None:
    queues = {"mail": 1, "other": 1}
    runner = await stage.runner("work", queues=queues, serves=("mail",), forbids=("gpu",))
    other = await stage.runner("work", "special", queues=queues)
    await stage.store.insert([new(queue="mail") for _ in range(3)])
    await stage.claim(other, limit=1)
    await stage.store.insert(
        [
            new(queue="mail", delay=60.0),
            new(),
            new(queue="other"),
            new("special", queue="mail"),
            new(queue="mail", flags=("gpu",)),
            new("unknown", delay=60.0),
        ]
    )
    assert await stage.store.pending(runner) == Pending(now=2, later=1, others=6)


async def test_pending_counts_unrouted_jobs_of_known_tasks(stage: Stage) -> None:
    runner = await stage.runner("work")
    await add_by_sql(stage)
    await add_by_sql(stage, "unknown")
    assert await stage.store.pending(runner) == Pending(now=1, later=0, others=1)


async def test_pending_does_not_count_what_the_runner_itself_runs(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    await stage.claim(runner)
    assert await stage.store.pending(runner) == Pending(0, 0, 0)


async def test_what_a_lost_runner_holds_is_pending_for_who_can_take_it(stage: Stage) -> None:
    lost = await stage.runner("work", "special")
    await stage.store.insert([new(), new("special")])
    await stage.claim(lost)
    runner = await stage.runner("work")
    assert await stage.store.pending(runner) == Pending(0, 0, 2)
    stage.advance(LEASE + 1)
    stage.renew(runner)
    assert await stage.store.pending(runner) == Pending(1, 0, 1)
    await stage.lose(lost, witness=runner)
    assert await stage.store.pending(runner) == Pending(1, 0, 1)


async def test_what_a_runner_held_when_it_left_is_pending_at_once(stage: Stage) -> None:
    gone, runner = await stage.runner("work", "special"), await stage.runner("work")
    await stage.store.insert([new(), new("special")])
    await stage.claim(gone)
    await stage.store.leave(gone)
    assert await stage.store.pending(runner) == Pending(1, 0, 1)


async def test_a_scheduled_job_that_is_due_is_pending_now(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add(delay=10.0)
    assert await stage.store.pending(runner) == Pending(0, 1, 0)
    stage.advance(11.0)
    assert await stage.store.pending(runner) == Pending(1, 0, 0)
