"""The connections of a run: access to the integrations of its job. A run waits for one that is not there."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from catalog.app.database import put
from catalog.app.models import (
    AuthSource,
    ConnectionType,
    ExternalAccount,
    Integration,
    IntegrationConnection,
    JobIntegration,
    JobRun,
    MissingConnection,
    RunConnection,
)
from catalog.app.models.connections import missing_connection_runs
from catalog.app.work import Work
from catalog.eventing.ingest import RawEvent, ingest
from catalog.running.create import enqueue_start

MISSING = "dev.trigger.notifications.missingConnection"
RESOLVED = "dev.trigger.notifications.missingConnectionResolved"
DEVELOPER = "DEVELOPER"
"""The account of a run that belongs to no external one."""


async def connect(session: AsyncSession, run: JobRun) -> list[Integration]:
    """Note what the run uses for each integration of its job, and return the integrations that it has no access to."""
    wanted = select(JobIntegration).where(JobIntegration.version_id == run.version_id)
    wanted = wanted.order_by(JobIntegration.integration_id, JobIntegration.key)
    missing: list[Integration] = []
    for each in await session.scalars(wanted.options(joinedload(JobIntegration.integration))):
        connection_id = None
        if each.integration.auth_source is AuthSource.HOSTED:
            connection_id = await _connection(session, run, each.integration_id)
            if connection_id is None:
                missing.append(each.integration)
                continue
        key = {"run_id": run.id, "key": each.key}
        await put(session, RunConnection, key, integration_id=each.integration_id, connection_id=connection_id)
    return missing


async def wait_for(work: Work, run: JobRun, missing: list[Integration]) -> None:
    """Note which connections a run waits for. The first run that waits for one has it announced."""
    for integration in missing:
        key = {"integration_id": integration.id, "type": _type(run), "account_identifier": _account(run)}
        missing_id = await put(work.session, MissingConnection, key)
        waits = {"missing_connection_id": missing_id, "run_id": run.id}
        known = await work.session.execute(select(missing_connection_runs).filter_by(**waits))
        if known.first() is not None:
            continue
        await work.session.execute(missing_connection_runs.insert().values(**waits))
        count = select(func.count()).select_from(missing_connection_runs).filter_by(missing_connection_id=missing_id)
        if (await work.session.execute(count)).scalar_one() == 1:
            await work.enqueue("missingConnectionCreated", {"id": missing_id})


async def announce_missing(work: Work, missing_id: str) -> None:
    """Send the event that tells a project which connection its runs wait for. Once, however often it is called."""
    missing = await work.session.get(MissingConnection, missing_id, options=[joinedload(MissingConnection.integration)])
    if missing is None:
        return
    runs = await _waiting(work.session, missing_id)
    if runs:
        payload = await _notification(work.session, missing)
        await ingest(work, runs[0].environment_id, RawEvent(MISSING, payload, id=missing.id))


async def announce_connection(work: Work, connection_id: str) -> int:
    """Start anew every run that waited for a connection, tell the project, and return how many runs there were."""
    connection = await work.session.get(IntegrationConnection, connection_id)
    if connection is None:
        return 0
    await _hold(work.session, connection.integration_id)
    found = select(MissingConnection).filter_by(
        integration_id=connection.integration_id,
        type=connection.type,
        account_identifier=connection.external_account_id or DEVELOPER,
    )
    missing = (await work.session.scalars(found.options(joinedload(MissingConnection.integration)))).one_or_none()
    if missing is None:
        return 0
    runs = await _waiting(work.session, missing.id)
    if runs:
        payload = await _notification(work.session, missing)
        await ingest(work, runs[0].environment_id, RawEvent(RESOLVED, payload, id=f"{missing.id}-resolved"))
    for run in runs:
        await enqueue_start(work, run)
    # SQLite does not follow its foreign keys: nobody tells it to.
    waits = missing_connection_runs.c.missing_connection_id == missing.id
    await work.session.execute(delete(missing_connection_runs).where(waits))
    await work.session.execute(delete(MissingConnection).where(MissingConnection.id == missing.id))
    return len(runs)


async def _connection(session: AsyncSession, run: JobRun, integration_id: str) -> str | None:
    found = select(IntegrationConnection.id).filter_by(
        integration_id=integration_id, type=_type(run), external_account_id=run.external_account_id
    )
    found = found.order_by(IntegrationConnection.id).limit(1)
    if (known := (await session.scalars(found)).one_or_none()) is not None:
        return known
    # Whoever announces a new connection holds the integration, too: either he sees this run wait, or we see his.
    await _hold(session, integration_id)
    return (await session.scalars(found)).one_or_none()


async def _hold(session: AsyncSession, integration_id: str) -> None:
    await session.execute(select(Integration.id).where(Integration.id == integration_id).with_for_update())


def _type(run: JobRun) -> ConnectionType:
    return ConnectionType.EXTERNAL if run.external_account_id else ConnectionType.DEVELOPER


def _account(run: JobRun) -> str:
    return run.external_account_id or DEVELOPER


async def _waiting(session: AsyncSession, missing_id: str) -> list[JobRun]:
    waiting = (
        select(JobRun)
        .join(missing_connection_runs, missing_connection_runs.c.run_id == JobRun.id)
        .where(missing_connection_runs.c.missing_connection_id == missing_id)
        .order_by(JobRun.created_at, JobRun.id)
    )
    return list(await session.scalars(waiting))


async def _notification(session: AsyncSession, missing: MissingConnection) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "id": missing.id,
        "type": missing.type,
        "client": {"id": missing.integration.slug, "title": missing.integration.title},
    }
    if missing.account_identifier != DEVELOPER:
        account = await session.get_one(ExternalAccount, missing.account_identifier)
        payload["account"] = {"id": account.identifier, "metadata": account.account_metadata}
    return payload
