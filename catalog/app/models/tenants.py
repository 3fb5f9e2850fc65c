"""Who owns what: organizations, their projects, and where these run."""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalog.app.models.base import Model, any_json, id_column, reference


class EnvironmentType(StrEnum):
    """Where a project runs."""

    PRODUCTION = "PRODUCTION"
    STAGING = "STAGING"
    DEVELOPMENT = "DEVELOPMENT"
    PREVIEW = "PREVIEW"


class Organization(Model):
    """A customer."""

    __tablename__ = "organizations"

    id: Mapped[str] = id_column("org")
    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]


class Project(Model):
    """One product of an organization."""

    __tablename__ = "projects"

    id: Mapped[str] = id_column("prj")
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    organization_id: Mapped[str] = reference("organizations")
    organization: Mapped[Organization] = relationship()


def digest_of(key: str) -> str:
    """Return what an API key is looked up by: SHA-256, in hexadecimal."""
    return sha256(key.encode()).hexdigest()


class RuntimeEnvironment(Model):
    """Where a project runs, and the key that its endpoints and its SDK show each other."""

    __tablename__ = "runtime_environments"
    __table_args__ = (UniqueConstraint("project_id", "slug"),)

    id: Mapped[str] = id_column("env")
    slug: Mapped[str]
    type: Mapped[EnvironmentType]
    api_key: Mapped[str]
    api_key_digest: Mapped[str] = mapped_column(unique=True)
    """`digest_of` the key: whoever tries keys learns nothing from how long it takes to look one up."""
    project_id: Mapped[str] = reference("projects")
    project: Mapped[Project] = relationship()

    def __repr__(self) -> str:
        """Without the key."""
        return f"<RuntimeEnvironment {self.id}>"


class ExternalAccount(Model):
    """A customer of a customer, on whose behalf events are sent."""

    __tablename__ = "external_accounts"
    __table_args__ = (UniqueConstraint("environment_id", "identifier"),)

    id: Mapped[str] = id_column("acc")
    identifier: Mapped[str]
    account_metadata: Mapped[Any] = any_json()
    environment_id: Mapped[str] = reference("runtime_environments")
