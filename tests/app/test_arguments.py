"""What a call can never mean is refused in words, whichever of the two classes it is called on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kongflow import KongFlow, SyncKongFlow
from kongflow.errors import InvalidOption, JobNotFound

Call = Callable[[Any], Any]

NO_MATTER_WHERE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
"""No store is asked."""

WRONG: list[tuple[Call, str]] = [
    (lambda flow: flow.get(1), r"ids are text: write '1', not 1"),
    (lambda flow: flow.get(1.5), r"ids are text.* not 1\.5"),
    (lambda flow: flow.get(None), "ids are text.* not None"),
    (lambda flow: flow.wait(1), "ids are text: write '1', not 1"),
    (lambda flow: flow.cancel(1), "ids are text: write '1', not 1"),
    (lambda flow: flow.retry(1), "ids are text: write '1', not 1"),
    (lambda flow: flow.delete(1), "ids are text: write '1', not 1"),
    (lambda flow: flow.run_now(1), "ids are text: write '1', not 1"),
    (lambda flow: flow.reschedule(1, timedelta()), "ids are text: write '1', not 1"),
    (lambda flow: flow.reschedule("1", 60), "run_at is an aware datetime or a timedelta, not 60"),
    (lambda flow: flow.reschedule("1", None), "run_at is an aware datetime or a timedelta, not None"),
    (lambda flow: flow.reschedule("1", datetime(2026, 1, 1)), "has no time zone"),
    (lambda flow: flow.reschedule("1", timedelta.max), "not within a hundred years"),
    (lambda flow: flow.jobs(filter=5), "filter is text, not 5"),
    (lambda flow: flow.jobs(filter="stat:ready"), "column 1: .* did you mean 'state'"),
    (lambda flow: flow.wait("1", timeout="1s"), "timeout is seconds, .* or a timedelta, not '1s'"),
    (lambda flow: flow.wait("1", timeout=-1), "timeout is seconds, 0 or more, .* not -1"),
    (lambda flow: flow.wait("1", timeout=timedelta(seconds=-1)), "timeout is seconds, 0 or more"),
    (lambda flow: flow.wait("1", timeout=float("nan")), "timeout is seconds, 0 or more, .* not nan"),
    (lambda flow: flow.wait("1", timeout=10**400), "timeout is seconds, 0 or more"),
    (lambda flow: flow.wait("1", timeout=True), "timeout is seconds"),
    (lambda flow: flow.jobs(limit="x"), "limit is a whole number from 1 to 1000, not 'x'"),
    (lambda flow: flow.jobs(limit=0), "limit is a whole number from 1 to 1000, not 0"),
    (lambda flow: flow.jobs(limit=-1), "limit is a whole number from 1 to 1000, not -1"),
    (lambda flow: flow.jobs(limit=10**30), "limit is a whole number from 1 to 1000"),
    (lambda flow: flow.jobs(since="1h"), "since is an aware datetime or a timedelta, not '1h'"),
    (lambda flow: flow.jobs(since=datetime(2026, 1, 1)), "has no time zone"),
    (lambda flow: flow.jobs(since=timedelta.max), "since is more than a hundred years ago"),
    (lambda flow: flow.jobs(states="succeeded"), r"states is a list of states: write \['succeeded'\]"),
    (lambda flow: flow.jobs(states=5), "states is a list of states.* not 5"),
    (lambda flow: flow.jobs(states=[5]), "there is no state '5'"),
    (lambda flow: flow.jobs(task=5), "task is text, not 5"),
    (lambda flow: flow.jobs(queue=5), "queue is text, not 5"),
    (lambda flow: flow.jobs(key=5), "key is text, not 5"),
    (lambda flow: flow.jobs(tag=["vip"]), r"tag is text, not \['vip'\]"),
    (lambda flow: flow.jobs(cursor=5), "cursor is text, not 5"),
    (lambda flow: flow.dequeue(5), "a job key is text, not 5"),
    (lambda flow: flow.dequeue(5, connection=object()), "a job key is text, not 5"),
    (lambda flow: flow.enqueue(5), "a task's name is text, not 5"),
    (lambda flow: flow.enqueue_many(None), "enqueue_many takes a list of .*, not None"),
    (lambda flow: flow.enqueue_many([(5, {})]), "entry 1 .*a task's name is text, not 5"),
    (lambda flow: flow.enqueue_many([("anything", {}, 5)]), "entry 1 .*must be"),
    (lambda flow: flow.run(queues="greetings"), r"queues is a list of names: write \['greetings'\]"),
    (lambda flow: flow.run(queues=[5]), "queues is a list of names.* not"),
    (lambda flow: flow.run(queues=[]), "queues names no queue"),
    (lambda flow: flow.run(concurrency="5"), "concurrency is a whole number, 1 or more, not '5'"),
    (lambda flow: flow.run(concurrency=0), "concurrency is a whole number, 1 or more, not 0"),
]


@pytest.mark.anyio
@NO_MATTER_WHERE
@pytest.mark.parametrize(("call", "words"), WRONG)
async def test_an_argument_that_means_nothing_is_refused_in_words(
    call: Callable[[KongFlow], Awaitable[object]], words: str, flow: KongFlow
) -> None:
    with pytest.raises(InvalidOption, match=words):
        await call(flow)


@NO_MATTER_WHERE
@pytest.mark.parametrize(("call", "words"), WRONG)
def test_the_synchronous_twin_refuses_the_same(
    call: Callable[[SyncKongFlow], object], words: str, sync_flow: SyncKongFlow
) -> None:
    with pytest.raises(InvalidOption, match=words):
        call(sync_flow)


@pytest.mark.anyio
async def test_text_that_is_no_id_is_a_job_that_is_not_there(flow: KongFlow) -> None:
    for id in ("", "x", "1.5", "-1"):
        with pytest.raises(JobNotFound):
            await flow.get(id)


@pytest.mark.anyio
async def test_any_iterable_of_states_will_do(flow: KongFlow) -> None:
    job = await flow.enqueue("anything")

    for states in (("ready",), {"ready"}, iter(["ready"])):
        assert [found.id for found in (await flow.jobs(states=states)).items] == [job.id]
    assert len((await flow.jobs(since=datetime(1, 1, 1, tzinfo=UTC), limit=1000)).items) == 1
