"""An endpoint that is indexed without being asked: what it lists is given."""

from sqlalchemy import select

from catalog.app.database import begin
from catalog.app.endpoints import NewEndpoint, add_endpoint, load_endpoint
from catalog.app.models import (
    EnvironmentType,
    EventDispatcher,
    JobVersion,
    RegisteredJob,
)
from catalog.app.work import Work
from catalog.indexing.index import read_index
from catalog.indexing.registration import store_index
from tests.catalog.fake_job import FakeTransaction
from tests.catalog.index_answer import every as each
from tests.catalog.index_answer import job, on
from tests.catalog.stage import every

GREET = job("greet", on("customer.created"))
CLOSE = job("close", each("cron", cron="0 22 * * *"))


async def endpoint(slug="shop", project="shop"):
    new = NewEndpoint("http://127.0.0.1/api", f"tr_{slug}", slug, EnvironmentType.PRODUCTION, project, "acme")
    async with begin() as session:
        return await add_endpoint(session, new)


async def index(endpoint_id, *jobs, **lists):
    """Store an index of these jobs; return its stats and what was done with jobs of KongFlow."""
    async with begin() as session:
        transaction = FakeTransaction(await session.connection())
        known = await load_endpoint(session, endpoint_id)
        stored = await store_index(
            Work(session, transaction.enqueue),
            transaction.dequeue,
            known,
            read_index({"jobs": list(jobs), **lists}),
            source="INTERNAL",
        )
        return stored.stats, transaction


async def dispatcher(slug):
    async with begin() as session:
        found = select(EventDispatcher).join(RegisteredJob, RegisteredJob.id == EventDispatcher.dispatchable_id)
        return (await session.scalars(found.where(RegisteredJob.slug == slug))).one_or_none()


async def version_statuses():
    return {version.version: version.status for version in await every(JobVersion)}
