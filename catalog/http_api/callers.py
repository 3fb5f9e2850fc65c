"""Callers: the environment whose API key a request shows."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from catalog.app.models import Project, RuntimeEnvironment
from catalog.app.models.tenants import digest_of
from catalog.http_api.problems import Problem


@dataclass(frozen=True, slots=True)
class Caller:
    """The environment that a request comes from; everything else is not there for it."""

    environment_id: str
    environment_slug: str
    environment_type: str
    project_id: str
    project_slug: str
    project_name: str
    organization_id: str
    organization_slug: str
    organization_title: str


async def caller_of(session: AsyncSession, authorization: str) -> Caller:
    """Return who shows this header. Raises: Problem."""
    scheme, _, key = authorization.partition(" ")
    key = key.strip()
    if scheme.lower() == "bearer" and key and key.isascii() and key.isprintable():
        found = (
            select(RuntimeEnvironment)
            .where(RuntimeEnvironment.api_key_digest == digest_of(key))
            .options(joinedload(RuntimeEnvironment.project).joinedload(Project.organization))
        )
        environment = (await session.scalars(found)).one_or_none()
        if environment is not None and hmac.compare_digest(environment.api_key.encode(), key.encode()):
            return _caller(environment)
    raise Problem(401, "Invalid or Missing API key")


def _caller(environment: RuntimeEnvironment) -> Caller:
    project = environment.project
    organization = project.organization
    return Caller(
        *(environment.id, environment.slug, environment.type),
        *(project.id, project.slug, project.name),
        *(organization.id, organization.slug, organization.title),
    )
