"""Endpoints in the application's tables: register one, load one, find those that are due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from sqlalchemy import and_, delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from catalog.app.database import put
from catalog.app.models import Endpoint, EndpointIndex, EnvironmentType, Organization, Project, RuntimeEnvironment
from catalog.app.models.tenants import digest_of
from catalog.wire.addresses import AddressRefused, Policy
from catalog.wire.endpoint import Target


class InvalidEndpoint(ValueError):
    """The endpoint cannot be registered like this; the text says why."""


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """What it takes to register an endpoint. Raises: InvalidEndpoint."""

    url: str
    api_key: str = field(repr=False)
    slug: str
    environment_type: EnvironmentType
    project: str
    organization: str

    def __post_init__(self) -> None:
        if not _is_url(self.url):
            raise InvalidEndpoint(f"{self.url!r} is no http or https URL")
        if "@" in urlsplit(self.url).netloc:
            raise InvalidEndpoint(
                "the URL holds a password, which would show up in logs; the endpoint checks its API key"
            )
        if not (self.api_key.isascii() and self.api_key.isprintable() and self.api_key.strip()):
            raise InvalidEndpoint("the API key must be printable ASCII: it travels in an HTTP header")

    def check_address(self, env: Mapping[str, str]) -> None:
        """Refuse an address that would never be called; what a name leads to is only known then. `env` as the runner's.

        Raises: InvalidEndpoint.
        """
        host = urlsplit(self.url).hostname or ""
        try:
            address = ip_address("127.0.0.1" if host == "localhost" else host)
        except ValueError:
            return
        try:
            Policy.from_env(env, private=self.environment_type is EnvironmentType.DEVELOPMENT).check(host, address)
        except AddressRefused as problem:
            raise InvalidEndpoint(str(problem)) from None


@dataclass(frozen=True, slots=True)
class KnownEndpoint:
    """An endpoint with what its environment says."""

    id: str
    url: str
    environment_id: str
    project_id: str
    organization_id: str
    environment_type: EnvironmentType
    api_key: str = field(repr=False)

    @property
    def target(self) -> Target:
        """How it is called."""
        return Target(self.url, self.environment_type is EnvironmentType.DEVELOPMENT, self.api_key)


@dataclass(frozen=True, slots=True)
class EndpointLine:
    """An endpoint as the list shows it: when it was last indexed, how many jobs it offered then,
    and how many issues there were.
    """

    id: str
    environment: str
    slug: str
    url: str
    indexed_at: datetime | None
    jobs: int
    issues: int


async def add_endpoint(session: AsyncSession, new: NewEndpoint) -> str:
    """Register an endpoint with its organization, project and environment, and return its id.

    What is there already is updated: one endpoint of a slug in an environment, one environment of a type in a project.
    """
    organization = await put(session, Organization, {"slug": new.organization}, title=new.organization)
    project = await put(session, Project, {"slug": new.project}, name=new.project, organization_id=organization)
    environment = await put(
        session,
        RuntimeEnvironment,
        {"project_id": project, "slug": new.environment_type.lower()},
        type=new.environment_type,
        api_key=new.api_key,
        api_key_digest=digest_of(new.api_key),
    )
    return await put(session, Endpoint, {"environment_id": environment, "slug": new.slug}, url=new.url)


async def load_endpoint(session: AsyncSession, id: str) -> KnownEndpoint | None:
    """Return the endpoint with its environment, or None."""
    row = (
        await session.execute(
            select(Endpoint.id, Endpoint.url, Endpoint.environment_id, Project.id, Project.organization_id)
            .add_columns(RuntimeEnvironment.type, RuntimeEnvironment.api_key)
            .join(RuntimeEnvironment, RuntimeEnvironment.id == Endpoint.environment_id)
            .join(Project, Project.id == RuntimeEnvironment.project_id)
            .where(Endpoint.id == id)
        )
    ).one_or_none()
    return None if row is None else KnownEndpoint(*row)


async def list_endpoints(session: AsyncSession) -> list[EndpointLine]:
    """Return every endpoint with its newest index, in order."""
    any_index = aliased(EndpointIndex)
    newest = select(func.max(any_index.created_at)).where(any_index.endpoint_id == Endpoint.id).scalar_subquery()
    rows = await session.execute(
        select(Endpoint.id, RuntimeEnvironment.type, Endpoint.slug, Endpoint.url)
        .add_columns(EndpointIndex.created_at, EndpointIndex.stats)
        .join(RuntimeEnvironment, RuntimeEnvironment.id == Endpoint.environment_id)
        .outerjoin(
            EndpointIndex,
            and_(EndpointIndex.endpoint_id == Endpoint.id, EndpointIndex.created_at == newest),
        )
        .order_by(Endpoint.id)
    )
    return [
        EndpointLine(
            row.id, row.type, row.slug, row.url, row.created_at, stats.get("jobs", 0), len(stats.get("issues", ()))
        )
        for row in rows
        for stats in [row.stats or {}]
    ]


async def due_endpoints(session: AsyncSession, since: datetime) -> Sequence[str]:
    """Return the ids of production endpoints that have no index younger than `since`, in order."""
    young = exists().where(EndpointIndex.endpoint_id == Endpoint.id, EndpointIndex.created_at > since)
    rows = await session.execute(
        select(Endpoint.id)
        .join(RuntimeEnvironment, RuntimeEnvironment.id == Endpoint.environment_id)
        .where(RuntimeEnvironment.type == EnvironmentType.PRODUCTION, ~young)
        .order_by(Endpoint.id)
    )
    return rows.scalars().all()


async def purge_indexes(session: AsyncSession, before: datetime) -> int:
    """Delete the indexes that are older than `before`, but never the newest of an endpoint; return how many."""
    newer = aliased(EndpointIndex)
    has_newer = exists().where(
        newer.endpoint_id == EndpointIndex.endpoint_id, newer.created_at > EndpointIndex.created_at
    )
    old = delete(EndpointIndex).where(EndpointIndex.created_at < before, has_newer).returning(EndpointIndex.id)
    return len((await session.scalars(old)).all())


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and text.isprintable()
    except ValueError:
        return False
