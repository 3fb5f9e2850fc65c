"""Endpoints, and what they answered when they were asked what they offer."""

from __future__ import annotations

import secrets
import string
from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalog.app.models.base import Model, any_json, id_column, now, reference
from catalog.app.models.tenants import RuntimeEnvironment


def _hook() -> str:
    return "".join(secrets.choice(string.digits + string.ascii_lowercase) for _ in range(10))


class Endpoint(Model):
    """A URL that offers jobs. Whoever knows `indexing_hook` may ask for it to be indexed."""

    __tablename__ = "endpoints"
    __table_args__ = (UniqueConstraint("environment_id", "slug"),)

    id: Mapped[str] = id_column("ep")
    slug: Mapped[str]
    url: Mapped[str]
    indexing_hook: Mapped[str] = mapped_column(default=_hook)
    environment_id: Mapped[str] = reference("runtime_environments")
    environment: Mapped[RuntimeEnvironment] = relationship()


class EndpointIndex(Model):
    """One answer of an endpoint to the question what it offers. `data` is the answer as it came."""

    __tablename__ = "endpoint_indexes"
    __table_args__ = (Index(None, "endpoint_id", "created_at"),)

    id: Mapped[str] = id_column("idx")
    endpoint_id: Mapped[str] = reference("endpoints")
    source: Mapped[str]
    source_data: Mapped[Any] = any_json()
    reason: Mapped[str | None]
    stats: Mapped[dict[str, Any]]
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
