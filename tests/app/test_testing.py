from __future__ import annotations

from datetime import timedelta

import pytest

from kongflow import KongFlow
from kongflow.testing import Ended, drain, enqueued

pytestmark = pytest.mark.anyio


async def test_drain_runs_what_is_due_and_what_that_adds_and_says_how_each_attempt_ended(flow: KongFlow) -> None:
    job = await flow.enqueue("add_another")
    later = await flow.enqueue("anything", run_at=timedelta(hours=1))

    ends = await drain(flow)

    assert [(end.id, end.task, end.outcome) for end in ends] == [
        (job.id, "add_another", "succeeded"),
        (ends[1].id, "anything", "succeeded"),
    ]
    assert later.id not in {end.id for end in ends}


async def test_failures_and_cancels_say_why(flow: KongFlow) -> None:
    failed = await flow.enqueue("fail")
    await drain(flow)
    declined = await flow.enqueue("decline")

    assert await drain(flow) == [Ended(declined.id, "decline", "cancelled", "handler", None)]
    assert (await flow.get(failed.id)).reason == "error"


async def test_a_retry_is_left_waiting_until_the_clock_is_moved(flow: KongFlow) -> None:
    job = await flow.enqueue("retry")

    (first,) = await drain(flow)
    assert await drain(flow) == []
    flow.store.advance(3601)
    (second,) = await drain(flow)

    assert (first.id, first.outcome, second.outcome) == (job.id, "retried", "retried")
    assert first.error is not None
    assert "no such" in first.error


async def test_enqueued_lists_what_was_added_oldest_first(flow: KongFlow) -> None:
    added = await flow.enqueue_many([("anything", {"n": n}) for n in range(250)])
    greeting = await flow.enqueue("greet", {"name": "Ada"})

    assert [job.id for job in await enqueued(flow, "anything")] == [job.id for job in added]
    assert [job.id for job in await enqueued(flow)][-1] == greeting.id
    assert await enqueued(flow, "fail") == []
