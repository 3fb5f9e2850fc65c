"""The application's tables, in the database that KongFlow works on; the prefix `app_` keeps them apart."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, MetaData, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[datetime]):
    """An aware datetime. SQLite keeps no time zone, so that everything goes in and comes out as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive instant, and turn any other to UTC."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say that it is UTC."""
        return value and (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))


class Model(DeclarativeBase):
    """The base of every table."""

    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s_ix",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: Instant(), dict[str, Any]: JSON(), list[str]: JSON()}


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id(prefix: str) -> Callable[[], str]:
    return lambda: f"{prefix}_{secrets.token_hex(8)}"


class Organization(Model):
    """A customer."""

    __tablename__ = "app_organizations"

    id: Mapped[str] = mapped_column(primary_key=True, default=_new_id("org"))
    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]


class Project(Model):
    """One product of an organization."""

    __tablename__ = "app_projects"

    id: Mapped[str] = mapped_column(primary_key=True, default=_new_id("prj"))
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    organization_id: Mapped[str] = mapped_column(ForeignKey("app_organizations.id"))


class RuntimeEnvironment(Model):
    """Where a project runs, and the key that its endpoints expect. `type` is PRODUCTION, STAGING, DEVELOPMENT or
    PREVIEW.
    """

    __tablename__ = "app_runtime_environments"
    __table_args__ = (UniqueConstraint("project_id", "slug"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=_new_id("env"))
    slug: Mapped[str]
    type: Mapped[str]
    api_key: Mapped[str] = mapped_column(unique=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("app_projects.id"))


class Endpoint(Model):
    """A URL that offers jobs."""

    __tablename__ = "app_endpoints"
    __table_args__ = (UniqueConstraint("environment_id", "slug"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=_new_id("ep"))
    slug: Mapped[str]
    url: Mapped[str]
    environment_id: Mapped[str] = mapped_column(ForeignKey("app_runtime_environments.id"))


class EndpointIndex(Model):
    """One answer of an endpoint to the question what it offers. `data` is the answer as it came."""

    __tablename__ = "app_endpoint_indexes"
    __table_args__ = (Index(None, "endpoint_id", "created_at"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=_new_id("idx"))
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("app_endpoints.id"))
    source: Mapped[str]
    source_data: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    reason: Mapped[str | None]
    stats: Mapped[dict[str, Any]]
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=_now)


class RegisteredJob(Model):
    """A job that a project's endpoints offer, in any version."""

    __tablename__ = "app_jobs"
    __table_args__ = (UniqueConstraint("project_id", "slug"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=_new_id("job"))
    slug: Mapped[str]
    title: Mapped[str]
    internal: Mapped[bool]
    project_id: Mapped[str] = mapped_column(ForeignKey("app_projects.id"))


class JobVersion(Model):
    """One version of a job in one environment: which event it waits for, and which endpoint runs it."""

    __tablename__ = "app_job_versions"
    __table_args__ = (UniqueConstraint("job_id", "version", "environment_id"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=_new_id("ver"))
    version: Mapped[str]
    job_id: Mapped[str] = mapped_column(ForeignKey("app_jobs.id"))
    environment_id: Mapped[str] = mapped_column(ForeignKey("app_runtime_environments.id"))
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("app_endpoints.id"))
    event_specification: Mapped[dict[str, Any]]
    trigger: Mapped[dict[str, Any]]
    start_position: Mapped[str]
    preprocess_runs: Mapped[bool]


class JobAlias(Model):
    """A name for a version of a job in one environment; `latest` is the only one now."""

    __tablename__ = "app_job_aliases"
    __table_args__ = (UniqueConstraint("job_id", "environment_id", "name"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=_new_id("als"))
    name: Mapped[str]
    job_id: Mapped[str] = mapped_column(ForeignKey("app_jobs.id"))
    environment_id: Mapped[str] = mapped_column(ForeignKey("app_runtime_environments.id"))
    version_id: Mapped[str] = mapped_column(ForeignKey("app_job_versions.id"))
    value: Mapped[str]


class EventExample(Model):
    """A sample payload that a version's author gave, for test runs."""

    __tablename__ = "app_event_examples"
    __table_args__ = (UniqueConstraint("version_id", "slug"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=_new_id("exa"))
    slug: Mapped[str]
    name: Mapped[str]
    icon: Mapped[str | None]
    payload: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("app_job_versions.id", ondelete="CASCADE"))


class EventDispatcher(Model):
    """Which events start a job in one environment. A `manual` one is fired by name only, as schedules are."""

    __tablename__ = "app_event_dispatchers"
    __table_args__ = (UniqueConstraint("dispatchable_id", "environment_id"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=_new_id("dsp"))
    events: Mapped[list[str]]
    source: Mapped[str]
    payload_filter: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    context_filter: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    manual: Mapped[bool]
    enabled: Mapped[bool] = mapped_column(default=True)
    dispatchable_id: Mapped[str] = mapped_column()
    """Id of the job: its dispatcher stays the same from version to version."""
    dispatchable: Mapped[dict[str, Any]]
    environment_id: Mapped[str] = mapped_column(ForeignKey("app_runtime_environments.id"))
