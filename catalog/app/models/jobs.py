"""What endpoints offer: jobs, their versions, and the queues that bound how many runs there are at once."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalog.app.models.base import Model, any_json, id_column, reference
from catalog.app.models.endpoints import Endpoint


class VersionStatus(StrEnum):
    """Whether a version is still offered."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


class RegisteredJob(Model):
    """A job that a project's endpoints offer, in any version."""

    __tablename__ = "jobs"
    __table_args__ = (UniqueConstraint("project_id", "slug"),)

    id: Mapped[str] = id_column("job")
    slug: Mapped[str]
    title: Mapped[str]
    internal: Mapped[bool]
    last_number: Mapped[int] = mapped_column(default=0)
    """Of the newest run; who adds a run takes the next one, and holds the row until he commits."""
    project_id: Mapped[str] = reference("projects")


class JobQueue(Model):
    """How many runs of its jobs may be under way at once, and how many are."""

    __tablename__ = "job_queues"
    __table_args__ = (UniqueConstraint("environment_id", "name"), CheckConstraint("job_count >= 0", "job_count"))

    id: Mapped[str] = id_column("que")
    name: Mapped[str]
    job_count: Mapped[int] = mapped_column(default=0)
    max_jobs: Mapped[int] = mapped_column(default=100)
    environment_id: Mapped[str] = reference("runtime_environments")


class JobVersion(Model):
    """One version of a job in one environment: which event it waits for, and which endpoint runs it."""

    __tablename__ = "job_versions"
    __table_args__ = (UniqueConstraint("job_id", "version", "environment_id"),)

    id: Mapped[str] = id_column("ver")
    version: Mapped[str]
    status: Mapped[VersionStatus] = mapped_column(default=VersionStatus.ACTIVE)
    job_id: Mapped[str] = reference("jobs")
    environment_id: Mapped[str] = reference("runtime_environments")
    endpoint_id: Mapped[str] = reference("endpoints", index=True)
    queue_id: Mapped[str] = reference("job_queues")
    event_specification: Mapped[dict[str, Any]]
    trigger: Mapped[dict[str, Any]]
    properties: Mapped[Any] = any_json()
    start_position: Mapped[str]
    preprocess_runs: Mapped[bool]
    job: Mapped[RegisteredJob] = relationship()
    endpoint: Mapped[Endpoint] = relationship()
    queue: Mapped[JobQueue] = relationship()


class JobAlias(Model):
    """A name for a version of a job in one environment; `latest` is the only one now."""

    __tablename__ = "job_aliases"
    __table_args__ = (UniqueConstraint("job_id", "environment_id", "name"),)

    id: Mapped[str] = id_column("als")
    name: Mapped[str]
    value: Mapped[str]
    job_id: Mapped[str] = reference("jobs")
    environment_id: Mapped[str] = reference("runtime_environments")
    version_id: Mapped[str] = reference("job_versions")


class EventExample(Model):
    """A sample payload that a version's author gave, for test runs."""

    __tablename__ = "event_examples"
    __table_args__ = (UniqueConstraint("version_id", "slug"),)

    id: Mapped[str] = id_column("exa")
    slug: Mapped[str]
    name: Mapped[str]
    icon: Mapped[str | None]
    payload: Mapped[Any] = any_json()
    version_id: Mapped[str] = reference("job_versions")
