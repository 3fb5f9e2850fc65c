"""A look at all that has not ended: every job once, page by page, as who routes or claims it would read it."""

from __future__ import annotations

import pytest

from kongflow.core.job import JobState
from kongflow.store.inspection import FIRST, MOST_CHARACTERS, MOST_JOBS, LiveJob
from tests.store.stage import RETRIED, Stage, add_by_sql, new

pytestmark = pytest.mark.anyio


async def pages(stage: Stage) -> list[list[LiveJob]]:
    found: list[list[LiveJob]] = []
    after = FIRST
    while page := await stage.store.inspection.live_jobs(after):
        found.append(list(page))
        after = page[-1].id
    return found


async def live(stage: Stage) -> list[LiveJob]:
    return [job for page in await pages(stage) for job in page]


async def test_where_nothing_lives_there_is_no_page(stage: Stage) -> None:
    assert await pages(stage) == []


async def test_every_job_that_has_not_ended_is_on_one_page_with_its_state(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await stage.add()
    await stage.end(runner, await stage.claim_one(runner))
    retried = await stage.add()
    await stage.end(runner, await stage.claim_one(runner), RETRIED)
    running = await stage.add(queue="mail")
    await stage.claim(runner)
    later = await stage.add(delay=600.0)
    waiting = await stage.add(queue="mail", flags=("slow", "large"), payload='{"n": 1.0}')
    unrouted = await add_by_sql(stage)
    jobs = {str(job.id): job for job in await live(stage)}
    assert list(jobs) == [retried.id, running.id, later.id, waiting.id, unrouted]
    assert [jobs[each.id].state for each in (retried, running, later)] == ["scheduled", "running", "scheduled"]
    assert jobs[waiting.id].state in (JobState.READY, JobState.BLOCKED)
    assert jobs[unrouted].state is JobState.UNROUTED
    found = jobs[waiting.id]
    assert (found.task, found.payload, found.queue, found.flags) == ("work", '{"n": 1.0}', "mail", ("slow", "large"))
    assert (jobs[later.id].queue, jobs[later.id].flags, jobs[later.id].schedule) == (None, (), None)


async def test_a_job_of_a_schedule_says_so(stage: Stage) -> None:
    id = await add_by_sql(stage, schedule="hourly")
    assert [(str(job.id), job.schedule) for job in await live(stage)] == [(id, "hourly")]


async def test_more_jobs_than_a_page_holds_are_on_several(stage: Stage) -> None:
    added = await stage.store.insert([new(payload=f'{{"n":{n}}}') for n in range(MOST_JOBS + 5)])
    found = await pages(stage)
    assert [len(page) for page in found] == [MOST_JOBS, 5]
    assert [str(job.id) for page in found for job in page] == [job.id for job in added]


async def test_a_page_ends_where_its_payloads_are_large(stage: Stage) -> None:
    size = MOST_CHARACTERS // 4
    text = "x" * (size - 8)
    added = await stage.store.insert([new(payload=f'{{"t":"{text}"}}') for _ in range(9)])
    found = await pages(stage)
    assert [len(page) for page in found] == [4, 4, 1]
    assert [str(job.id) for page in found for job in page] == [job.id for job in added]


@pytest.mark.parametrize("columns", [{}, {"queue": "mail", "priority": 7, "job_key": "k", "max_attempts": 2}])
async def test_an_unrouted_job_is_read_as_its_router_reads_it(stage: Stage, columns: dict[str, object]) -> None:
    runner = await stage.runner("work")
    await add_by_sql(stage, **columns)
    (job,) = await live(stage)
    assert [job.as_unrouted()] == await stage.store.unrouted(runner, 10)


async def test_a_job_that_will_be_moved_is_read_as_its_router_will_read_it(stage: Stage) -> None:
    runner = await stage.runner("work", "new")
    await stage.add(key="claimed", queue="mail", priority=3, tags=("a",))
    await stage.end(runner, await stage.claim_one(runner), RETRIED)
    await stage.add(key="k", flags=("slow",), run_at=None, delay=600.0)
    expected = [job.as_unrouted() for job in await live(stage)]
    await stage.store.bury({"work": "new"})
    assert [(job.options, job.payload, job.was_rendered) for job in await stage.store.unrouted(runner, 10)] == [
        (job.options, job.payload, job.was_rendered) for job in expected
    ]


async def test_what_is_declared_is_that_of_the_config_in_force(stage: Stage) -> None:
    assert await stage.store.inspection.declared() is None
    old = await stage.runner("work", config="old", declared='{"tasks":1}')
    assert await stage.store.inspection.declared() == ("old", '{"tasks":1}')
    new_one = await stage.runner("work", config="new", declared='{"tasks":2}')
    assert await stage.store.inspection.declared() == ("new", '{"tasks":2}')
    await stage.store.leave(new_one)
    assert await stage.store.inspection.declared() == ("old", '{"tasks":1}')
    await stage.runner("work", config="old", declared='{"tasks":3}')
    await stage.store.leave(old)
    assert await stage.store.inspection.declared() == ("old", '{"tasks":3}')
