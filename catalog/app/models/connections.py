"""Integrations: the services that a job calls, and with whose access. LOCAL ones log in by themselves."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, relationship

from catalog.app.models.base import Model, id_column, link, reference


class AuthSource(StrEnum):
    """Who knows how to log in: the endpoint itself, or the platform."""

    LOCAL = "LOCAL"
    HOSTED = "HOSTED"


class ConnectionType(StrEnum):
    """Whose access a connection gives: the developer's, or that of an external account."""

    DEVELOPER = "DEVELOPER"
    EXTERNAL = "EXTERNAL"


class Integration(Model):
    """A service that jobs of an organization call."""

    __tablename__ = "integrations"
    __table_args__ = (UniqueConstraint("organization_id", "slug"),)

    id: Mapped[str] = id_column("int")
    slug: Mapped[str]
    title: Mapped[str]
    auth_source: Mapped[AuthSource]
    organization_id: Mapped[str] = reference("organizations")


class JobIntegration(Model):
    """An integration as a version of a job names it."""

    __tablename__ = "job_integrations"
    __table_args__ = (UniqueConstraint("version_id", "key"),)

    id: Mapped[str] = id_column("jin")
    key: Mapped[str]
    version_id: Mapped[str] = reference("job_versions")
    integration_id: Mapped[str] = reference("integrations")
    integration: Mapped[Integration] = relationship()


class IntegrationConnection(Model):
    """Access to a hosted integration, of the developer or of an external account."""

    __tablename__ = "integration_connections"

    id: Mapped[str] = id_column("con")
    type: Mapped[ConnectionType]
    integration_id: Mapped[str] = reference("integrations", index=True)
    external_account_id: Mapped[str | None] = reference("external_accounts")


class RunConnection(Model):
    """What a run uses for an integration of its job, by its key: a connection, or none where that is LOCAL."""

    __tablename__ = "run_connections"
    __table_args__ = (UniqueConstraint("run_id", "key"),)

    id: Mapped[str] = id_column("rco")
    key: Mapped[str]
    run_id: Mapped[str] = reference("job_runs")
    integration_id: Mapped[str] = reference("integrations")
    connection_id: Mapped[str | None] = reference("integration_connections")


class MissingConnection(Model):
    """A connection that runs wait for. `account_identifier` is the external account's id, or DEVELOPER."""

    __tablename__ = "missing_connections"
    __table_args__ = (UniqueConstraint("integration_id", "type", "account_identifier"),)

    id: Mapped[str] = id_column("mis")
    type: Mapped[ConnectionType]
    account_identifier: Mapped[str]
    integration_id: Mapped[str] = reference("integrations")
    integration: Mapped[Integration] = relationship()


missing_connection_runs = link(
    "missing_connection_runs", missing_connection_id="missing_connections", run_id="job_runs"
)
"""The runs that wait for a missing connection."""
