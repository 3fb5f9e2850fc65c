"""Endpoints: asked for their index, by whoever has the key or knows the hook. And who one is."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import select

from catalog.app.models import Endpoint
from catalog.app.work import Work
from catalog.client import IndexEndpointPayload
from catalog.http_api.call import Call
from catalog.http_api.problems import not_found
from catalog.wire.body import InvalidJson, read_json

HOOK_DELAY = timedelta(seconds=5)
"""Whoever calls a hook has just been deployed, and may not answer yet: as in Trigger.dev 2.3."""


async def index(call: Call) -> Any:
    """Have an endpoint of the environment indexed."""
    async with call.transaction() as work:
        endpoint = await _find(work, call.caller.environment_id, call.path("endpoint"))
        job = await work.enqueue(
            "indexEndpoint",
            _payload(endpoint.id, "API", call.body.get("reason"), call.body.get("data")),
            job_key=f"index:{endpoint.id}",
        )
        return {"endpointId": endpoint.id, "source": "API", "status": "PENDING", "jobId": job.id}


async def index_by_hook(call: Call) -> Any:
    """Have an endpoint indexed by whoever knows its hook, a little later; calls that follow each other are one."""
    async with call.transaction() as work:
        endpoint = await _find(work, call.path("environment"), call.path("endpoint"))
        if not hmac.compare_digest(endpoint.indexing_hook.encode(), call.path("hook").encode()):
            raise not_found("Endpoint")
        await work.enqueue(
            "indexEndpoint",
            _payload(endpoint.id, "HOOK", None, _anything(call.body)),
            run_at=HOOK_DELAY,
            job_key=f"index:hook:{endpoint.id}",
        )
        return {"ok": True}


async def whoami(call: Call) -> Any:
    """Say whose key it is; the key itself is not said."""
    caller = call.caller
    return {
        "id": caller.environment_id,
        "slug": caller.environment_slug,
        "type": caller.environment_type,
        "projectId": caller.project_id,
        "organizationId": caller.organization_id,
        "project": {"id": caller.project_id, "slug": caller.project_slug, "name": caller.project_name},
        "organization": {
            "id": caller.organization_id,
            "slug": caller.organization_slug,
            "title": caller.organization_title,
        },
    }


async def _find(work: Work, environment_id: str, slug: str) -> Endpoint:
    found = select(Endpoint).filter_by(environment_id=environment_id, slug=slug)
    endpoint = (await work.session.scalars(found)).one_or_none()
    if endpoint is None:
        raise not_found("Endpoint")
    return endpoint


def _payload(id: str, source: Literal["API", "HOOK"], reason: str | None, data: Any) -> IndexEndpointPayload:
    payload: IndexEndpointPayload = {"id": id, "source": source}
    if reason is not None:
        payload["reason"] = reason
    if data is not None:
        payload["sourceData"] = data
    return payload


def _anything(body: bytes) -> Any:
    """Return what a hook was sent with, where it is JSON."""
    try:
        return read_json(body) if body else None
    except InvalidJson:
        return None
