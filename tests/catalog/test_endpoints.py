"""indexEndpoint and its housekeeping, against a real endpoint and real tables."""

import asyncio
import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from catalog.app.database import begin
from catalog.app.endpoints import NewEndpoint, add_endpoint
from catalog.app.models import (
    EndpointIndex,
    EventDispatcher,
    EventExample,
    JobAlias,
    JobVersion,
    RegisteredJob,
)
from catalog.endpoints import auto_index_production_endpoints, index_endpoint, purge_old_indexings
from catalog.indexing.client import EndpointError
from catalog.indexing.index import read_index
from kongflow import GiveUp
from tests.catalog.fake_job import FakeJob
from tests.catalog.index_answer import shop_index
from tests.catalog.servers import http_endpoint
from tests.engine.waiting import PATIENCE, until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

KEY = "tr_prod_0123456789"


async def register(url="http://127.0.0.1/api/trigger", slug="shop", environment="PRODUCTION"):
    async with begin() as session:
        return await add_endpoint(session, NewEndpoint(url, f"{KEY}{environment}", slug, environment, "shop", "acme"))


async def rows(*columns):
    async with begin() as session:
        return [tuple(row) for row in await session.execute(select(*columns).order_by(*columns[:1]))]


async def index(endpoint_id, **payload):
    job = FakeJob()
    await index_endpoint({"id": endpoint_id, "source": "INTERNAL", **payload}, job)
    return job.results[0]


async def dispatcher(slug):
    job_id = select(RegisteredJob.id).where(RegisteredJob.slug == slug).scalar_subquery()
    async with begin() as session:
        found = await session.scalars(select(EventDispatcher).where(EventDispatcher.dispatchable_id == job_id))
        return found.one_or_none()


async def put_index(endpoint_id, age):
    async with begin() as session:
        await session.execute(
            insert(EndpointIndex).values(
                endpoint_id=endpoint_id, source="INTERNAL", stats={}, data={}, created_at=datetime.now(UTC) - age
            )
        )


async def test_an_index_is_stored_with_what_asked_for_it():
    async with http_endpoint() as endpoint:
        endpoint.says(shop_index())
        shop = await register(endpoint.url)

        result = await index(shop, source="HOOK", reason="deployed", sourceData={"commit": "4f2a9c1"})

    ((index_id, endpoint_id, source, reason, source_data, stats, data),) = await rows(
        EndpointIndex.id,
        EndpointIndex.endpoint_id,
        EndpointIndex.source,
        EndpointIndex.reason,
        EndpointIndex.source_data,
        EndpointIndex.stats,
        EndpointIndex.data,
    )
    assert (endpoint_id, source, reason, source_data) == (shop, "HOOK", "deployed", {"commit": "4f2a9c1"})
    assert data == shop_index()
    assert stats["jobs"] == 11
    assert result == {"index": index_id, "stats": stats}
    assert endpoint.requests[0][1]["x-trigger-api-key"] == f"{KEY}PRODUCTION".lower()


async def test_eleven_of_twelve_jobs_are_registered_each_with_its_latest_version():
    async with http_endpoint() as endpoint:
        endpoint.says(shop_index())
        await index(await register(endpoint.url))

    slugs = [slug for slug, _ in await rows(RegisteredJob.slug, RegisteredJob.title)]
    assert len(slugs) == 11
    assert "old-newsletter" not in slugs
    latest = await rows(JobAlias.name, JobAlias.value)
    assert sorted(latest) == [("latest", "1.0.0")] * 10 + [("latest", "1.1.0")]
    assert ("1.0.0", "INITIAL", False) in await rows(
        JobVersion.version, JobVersion.start_position, JobVersion.preprocess_runs
    )


async def test_dispatchers_say_which_events_start_a_job():
    async with http_endpoint() as endpoint:
        endpoint.says(shop_index())
        await index(await register(endpoint.url))

    orders = await dispatcher("book-order")
    assert (orders.events, orders.source, orders.manual) == (["order.paid", "order.refunded"], "shop", False)
    assert (await dispatcher("greet-customer")).payload_filter == {"plan": ["gold"]}
    assert (await dispatcher("pack-parcel")).context_filter == {"country": ["NL", "BE"]}
    for scheduled in ("close-day", "watch-prices"):
        found = await dispatcher(scheduled)
        assert (found.events, found.manual, found.enabled) == (["dev.trigger.scheduled"], True, True)
    for silent in ("import-catalogue", "recount"):
        assert await dispatcher(silent) is None


async def test_indexing_again_adds_an_index_and_doubles_nothing():
    async with http_endpoint() as endpoint:
        endpoint.says(shop_index())
        shop = await register(endpoint.url)
        await index(shop)
        before = [
            await rows(model.id) for model in (RegisteredJob, JobVersion, JobAlias, EventExample, EventDispatcher)
        ]

        await index(shop)

    after = [await rows(model.id) for model in (RegisteredJob, JobVersion, JobAlias, EventExample, EventDispatcher)]
    assert after == before
    assert len(await rows(EndpointIndex.id)) == 2


async def test_an_example_that_is_gone_is_deleted_and_a_changed_one_updated():
    async with http_endpoint() as endpoint:
        answer = shop_index()
        endpoint.says(answer)
        shop = await register(endpoint.url)
        await index(shop)
        assert [slug for (slug,) in await rows(EventExample.slug)] == ["gold", "guest"]

        answer["jobs"][0]["event"]["examples"] = [{"id": "gold", "name": "Renamed"}]
        endpoint.says(answer)
        await index(shop)

    assert await rows(EventExample.slug, EventExample.name, EventExample.payload) == [("gold", "Renamed", None)]


async def test_a_new_version_becomes_latest_and_an_older_one_does_not_take_it_back():
    async with http_endpoint() as endpoint:
        shop = await register(endpoint.url)
        for version in ("9.0.0", "10.0.0", "9.5.0"):
            endpoint.says({"jobs": [shop_index()["jobs"][0] | {"version": version}]})
            await index(shop)

    assert [value for (value,) in await rows(JobAlias.value)] == ["10.0.0"]
    assert len(await rows(JobVersion.version)) == 3
    assert len(await rows(EventDispatcher.id)) == 1


async def test_a_dispatcher_that_somebody_disabled_stays_disabled():
    async with http_endpoint() as endpoint:
        endpoint.says(shop_index())
        shop = await register(endpoint.url)
        await index(shop)
        async with begin() as session:
            await session.execute(update(EventDispatcher).values(enabled=False))

        await index(shop)

    assert {enabled for (enabled,) in await rows(EventDispatcher.enabled)} == {False}


async def test_a_broken_job_is_named_in_the_log_and_the_others_are_registered(caplog):
    answer = shop_index()
    answer["jobs"][3]["version"] = 5
    async with http_endpoint() as endpoint:
        endpoint.says(answer)
        result = await index(await register(endpoint.url))

    stats = result["stats"]
    assert (stats["jobs"], stats["rejectedJobs"]) == (10, 1)
    assert stats["issues"] == ['Job "print-label": 5 is not of type \'string\' at "version"']
    assert f"not registered: {stats['issues'][0]}" in caplog.text


@pytest.mark.only_on("sqlite")
async def test_other_jobs_go_on_while_a_large_index_is_read(monkeypatch):
    begun, others_went_on = threading.Event(), threading.Event()

    def read_slowly(answer):
        begun.set()
        assert others_went_on.wait(PATIENCE)
        return read_index(answer)

    monkeypatch.setattr("catalog.endpoints.read_index", read_slowly)
    async with http_endpoint() as endpoint:
        endpoint.says(shop_index())
        indexing = asyncio.create_task(index(await register(endpoint.url)))
        await until(begun.is_set)
        others_went_on.set()

        assert (await indexing)["stats"]["jobs"] == 11


@pytest.mark.only_on("sqlite")
async def test_the_query_of_an_endpoints_url_is_in_no_error():
    async with http_endpoint() as endpoint:
        endpoint.says({"jobs": 5})
        shop = await register(f"{endpoint.url}?bypass=s3cret")

        with pytest.raises(EndpointError) as caught:
            await index(shop)

    assert str(caught.value).startswith(f"Endpoint {endpoint.url} answered with something that is no index")


async def test_an_unknown_endpoint_is_given_up():
    with pytest.raises(GiveUp, match="there is no endpoint 'ep_none'"):
        await index("ep_none")


@pytest.mark.parametrize(
    ("value", "status", "message"),
    [
        ({"message": "Wrong key"}, 401, "Wrong key"),
        ({}, 500, "Status code: 500"),
        ({"jobs": 5}, 200, r"no index: \$.jobs: 5 is not of type 'array'"),
    ],
)
async def test_a_bad_answer_is_retried_and_writes_nothing(caplog, value, status, message):
    async with http_endpoint() as endpoint:
        endpoint.says(value, status)
        shop = await register(endpoint.url)
        caplog.set_level(logging.DEBUG)

        with pytest.raises(EndpointError, match=message):
            await index(shop)

    assert await rows(EndpointIndex.id) == []
    assert KEY not in caplog.text


async def test_the_key_stands_in_no_log_line(caplog):
    async with http_endpoint() as endpoint:
        endpoint.says(shop_index())
        shop = await register(endpoint.url)
        caplog.set_level(logging.DEBUG)
        await index(shop)

    assert "POST" in caplog.text
    assert KEY not in caplog.text


async def test_only_due_endpoints_of_production_are_enqueued():
    due, old, young = [await register(slug=slug) for slug in ("due", "old", "young")]
    await register(environment="STAGING")
    await put_index(old, timedelta(minutes=11))
    await put_index(young, timedelta(minutes=9))
    job = FakeJob()

    await auto_index_production_endpoints({}, job)

    assert job.results == [{"enqueued": 2}]
    assert {payload["id"] for _, payload, _ in job.enqueued} == {due, old}
    for task, payload, options in job.enqueued:
        assert (task, payload["source"]) == ("indexEndpoint", "INTERNAL")
        assert options == {"job_key": f"index:{payload['id']}", "job_key_mode": "unsafe_dedupe"}


async def test_no_endpoint_means_nothing_to_do():
    job = FakeJob()

    await auto_index_production_endpoints({}, job)

    assert (job.results, job.enqueued) == ([{"enqueued": 0}], [])


async def test_a_purge_deletes_what_is_older_than_seven_days_but_never_an_endpoints_newest_index():
    busy, quiet = await register(slug="busy"), await register(slug="quiet")
    for days in (0, 6, 8, 30):
        await put_index(busy, timedelta(days=days))
    for days in (40, 50):
        await put_index(quiet, timedelta(days=days))

    assert await purge_old_indexings({}) == {"deleted": 3}

    left = [endpoint for _, endpoint in await rows(EndpointIndex.created_at, EndpointIndex.endpoint_id)]
    assert sorted(left) == sorted([busy, busy, quiet])
    assert await purge_old_indexings({}) == {"deleted": 0}
