"""The reference deployment as it stands: kongflow.yaml loaded, jobs added and run by the real engine."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from catalog.app.database import begin
from catalog.app.endpoints import NewEndpoint, add_endpoint
from catalog.app.models import EndpointIndex, EnvironmentType, RegisteredJob
from kongflow import InvalidPayload
from kongflow.testing import drain, enqueued
from tests.catalog.index_answer import shop_index
from tests.catalog.servers import closed_port, http_endpoint, smtp_server

pytestmark = pytest.mark.anyio

WELCOME = {"email": "welcome", "to": "a@b", "name": "Ann"}


async def register(url):
    async with begin() as session:
        return await add_endpoint(
            session, NewEndpoint(url, "tr_prod_1", "shop", EnvironmentType.PRODUCTION, "shop", "acme")
        )


async def sources():
    async with begin() as session:
        return list((await session.execute(select(EndpointIndex.source))).scalars())


async def drain_to_the_end(flow):
    """Drain, moving the store's clock past every retry, until nothing waits any more."""
    ends = await drain(flow)
    while ends[-1].outcome == "retried":
        flow.store.advance(timedelta(hours=7).total_seconds())
        ends += await drain(flow)
    return ends


async def test_a_welcome_is_queued_as_declared_and_lands_in_the_outbox(flow, outbox: Path):
    job = await flow.enqueue("scheduleEmail", WELCOME)
    assert (job.queue, job.priority) == ("internal-queue", 100)

    assert [end.outcome for end in await drain(flow)] == ["succeeded"]

    result = (await flow.get(job.id)).result
    assert (result["delivered"], result["subject"]) == ("outbox", "✨ Welcome to Trigger.dev!")
    assert "Hello Ann" in Path(result["path"]).read_text(encoding="utf-8")
    assert len(list(outbox.iterdir())) == 1


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({"email": "welcome"}, "to"),
        (
            {"email": "invite", "to": "a@b", "orgName": "E", "inviterEmail": "c@d", "inviteLink": "nope"},
            "$.inviteLink",
        ),
        ({"email": "zzz", "to": "a@b"}, "$.email"),
    ],
)
@pytest.mark.only_on("sqlite")
async def test_a_bad_email_is_refused_when_added_and_there_is_no_row(flow, payload, problem):
    with pytest.raises(InvalidPayload) as caught:
        await flow.enqueue("scheduleEmail", payload)

    assert any(problem in each for each in caught.value.problems)
    assert await enqueued(flow) == []


async def test_an_email_for_later_waits_for_its_time(flow, outbox):
    before = datetime.now(UTC)
    job = await flow.enqueue("scheduleEmail", WELCOME, run_at=timedelta(seconds=60))

    assert timedelta(seconds=59) < job.run_at - before < timedelta(seconds=62)
    assert await drain(flow) == []
    flow.store.advance(61)
    assert [end.outcome for end in await drain(flow)] == ["succeeded"]


async def test_a_mail_server_that_is_away_costs_three_attempts_and_then_the_job(flow, monkeypatch):
    monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("SMTP_PORT", str(await closed_port()))
    monkeypatch.setenv("SMTP_TLS", "none")
    monkeypatch.setenv("EMAIL_FROM", "team@shop.example")
    job = await flow.enqueue("scheduleEmail", WELCOME)

    ends = await drain_to_the_end(flow)

    assert [end.outcome for end in ends] == ["retried", "retried", "failed"]
    assert (await flow.get(job.id)).attempt == 3


async def test_a_permanent_refusal_of_the_mail_server_fails_the_job_at_once(flow, monkeypatch):
    async with smtp_server() as mailbox:
        mailbox.recipient_reply = "550 No such user here"
        monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("SMTP_PORT", str(mailbox.port))
        monkeypatch.setenv("SMTP_TLS", "none")
        monkeypatch.setenv("EMAIL_FROM", "team@shop.example")
        job = await flow.enqueue("scheduleEmail", WELCOME)
        await drain(flow)

    failed = await flow.get(job.id)
    assert (failed.state, failed.reason, failed.attempt) == ("failed", "gave_up", 1)
    assert "550 No such user here" in failed.error.message


async def test_an_index_and_the_end_of_its_job_are_stored_together(flow):
    async with http_endpoint() as endpoint:
        endpoint.says(shop_index())
        job = await flow.enqueue("indexEndpoint", {"id": await register(endpoint.url)})

        assert [end.outcome for end in await drain(flow)] == ["succeeded"]

    assert (await flow.get(job.id)).result["stats"]["jobs"] == 11
    assert await sources() == ["INTERNAL"]
    async with begin() as session:
        assert len((await session.execute(select(RegisteredJob.id))).all()) == 11


async def test_an_unknown_source_is_refused_when_added(flow):
    with pytest.raises(InvalidPayload):
        await flow.enqueue("indexEndpoint", {"id": "ep_1", "source": "X"})


async def test_an_endpoint_that_fails_is_asked_seven_times(flow):
    async with http_endpoint() as endpoint:
        endpoint.says({}, 500)
        job = await flow.enqueue("indexEndpoint", {"id": await register(endpoint.url)})

        ends = await drain_to_the_end(flow)

        assert len(endpoint.requests) == len(ends) == 7
    failed = await flow.get(job.id)
    assert failed.state == "failed"
    assert failed.error.message == f"Could not connect to endpoint {endpoint.url}. Status code: 500"
    assert await sources() == []


async def test_an_unknown_endpoint_fails_at_once(flow):
    job = await flow.enqueue("indexEndpoint", {"id": "ep_none"})

    await drain(flow)

    assert (await flow.get(job.id)).reason == "gave_up"


async def test_due_endpoints_are_indexed_once_and_then_not_due(flow):
    async with http_endpoint() as endpoint:
        endpoint.says(shop_index())
        await register(endpoint.url)

        for _slot in range(2):
            await flow.enqueue("autoIndexProductionEndpoints")
            await drain(flow)

    assert await sources() == ["INTERNAL"]
    (job,) = await enqueued(flow, "indexEndpoint")
    assert job.state == "succeeded"


async def test_an_index_that_waits_for_its_retry_is_left_as_it_is(flow):
    async with http_endpoint() as endpoint:
        endpoint.says({}, 500)
        await register(endpoint.url)
        for _slot in range(3):
            await flow.enqueue("autoIndexProductionEndpoints", {"ts": "2026-01-31T12:05:00Z", "backfilled": False})
            await drain(flow)

    (job,) = await enqueued(flow, "indexEndpoint")
    assert (job.state, job.attempt) == ("retrying", 1)


async def test_purging_without_anything_to_purge_succeeds(flow):
    job = await flow.enqueue("purgeOldIndexings")

    await drain(flow)

    assert (await flow.get(job.id)).result == {"deleted": 0}


@pytest.mark.parametrize(
    "task", ["scheduleEmail", "indexEndpoint", "autoIndexProductionEndpoints", "purgeOldIndexings"]
)
async def test_every_example_is_accepted(flow, task):
    for example in flow.catalog.task(task).examples:
        await flow.enqueue(task, example)

    assert len(await enqueued(flow, task)) == len(flow.catalog.task(task).examples)
