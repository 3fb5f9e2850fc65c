"""The handlers of indexEndpoint, autoIndexProductionEndpoints and purgeOldIndexings."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, NotRequired, TypedDict

from catalog.app.database import begin
from catalog.app.endpoints import due_endpoints, load_endpoint, purge_indexes
from catalog.app.work import working
from catalog.indexing.client import EndpointError, request_index
from catalog.indexing.index import InvalidIndex, read_index
from catalog.indexing.registration import store_index
from catalog.wire.request import printable_url
from kongflow import GiveUp, JobContext

DUE_AFTER = timedelta(minutes=10)
KEEP_FOR = timedelta(days=7)
"""Both as in Trigger.dev 2.3."""


class IndexRequest(TypedDict):
    """The payload of indexEndpoint."""

    id: str
    source: str
    reason: NotRequired[str]
    sourceData: NotRequired[Any]


async def index_endpoint(payload: IndexRequest, job: JobContext) -> None:
    """Ask the endpoint what it offers, and store the answer together with the end of this job.

    An endpoint that does not answer well is asked again by the retry policy; an unknown one is not.
    """
    async with begin() as session:
        endpoint = await load_endpoint(session, payload["id"])
    if endpoint is None:
        raise GiveUp(f"there is no endpoint {payload['id']!r}; add one with: python -m catalog.app add-endpoint")

    answer = await request_index(endpoint.target)
    try:
        # A large one takes seconds, in which other jobs go on.
        offer = await asyncio.to_thread(read_index, answer)
    except InvalidIndex as problem:
        shown = printable_url(endpoint.url)
        raise EndpointError(f"Endpoint {shown} answered with something that is no index: {problem}") from None

    async with job.transaction() as tx, working(tx.connection, tx.enqueue) as work:
        index = await store_index(
            work,
            tx.dequeue,
            endpoint,
            offer,
            source=payload["source"],
            reason=payload.get("reason"),
            source_data=payload.get("sourceData"),
        )
        tx.result({"index": index.id, "stats": index.stats})
        for issue in index.stats["issues"]:
            job.logger.warning("not registered: %s", issue)


async def auto_index_production_endpoints(_payload: Any, job: JobContext) -> None:
    """Enqueue indexEndpoint for every production endpoint that is due.

    One that waits or runs already is left as it is, so that an endpoint that is down keeps its growing delays.
    """
    async with begin() as session:
        due = await due_endpoints(session, datetime.now(UTC) - DUE_AFTER)
    async with job.transaction() as tx:
        for endpoint in due:
            await tx.enqueue(
                "indexEndpoint",
                {"id": endpoint, "source": "INTERNAL", "reason": "not indexed for 10 minutes"},
                job_key=f"index:{endpoint}",
                job_key_mode="unsafe_dedupe",
            )
        tx.result({"enqueued": len(due)})


async def purge_old_indexings(_payload: Any) -> dict[str, int]:
    """Delete indexes that are too old to be of use; doing it twice does no harm."""
    async with begin() as session:
        return {"deleted": await purge_indexes(session, datetime.now(UTC) - KEEP_FOR)}
