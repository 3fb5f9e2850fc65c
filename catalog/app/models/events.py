"""Events, and what they start: dispatchers, schedules, triggers that are set up while jobs run."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalog.app.models.base import Model, any_json, id_column, link, now, reference
from catalog.app.models.endpoints import Endpoint
from catalog.app.models.tenants import ExternalAccount, RuntimeEnvironment


class DynamicTriggerType(StrEnum):
    """What a dynamic trigger fires on."""

    EVENT = "EVENT"
    SCHEDULE = "SCHEDULE"


class EventDispatcher(Model):
    """Which events start a job in one environment. A `manual` one is fired by name only, as schedules are.

    `dispatchable` says what it starts: `{"type": "JOB_VERSION" | "DYNAMIC_TRIGGER", "id": …}`.
    """

    __tablename__ = "event_dispatchers"
    __table_args__ = (UniqueConstraint("dispatchable_id", "environment_id"), Index(None, "environment_id", "source"))

    id: Mapped[str] = id_column("dsp")
    events: Mapped[list[str]]
    source: Mapped[str]
    payload_filter: Mapped[Any] = any_json()
    context_filter: Mapped[Any] = any_json()
    manual: Mapped[bool]
    enabled: Mapped[bool] = mapped_column(default=True)
    dispatchable_id: Mapped[str]
    """Id of the job or the dynamic trigger: a job's dispatcher stays the same from version to version."""
    dispatchable: Mapped[dict[str, Any]]
    external_account_id: Mapped[str | None] = reference("external_accounts")
    environment_id: Mapped[str] = reference("runtime_environments")
    environment: Mapped[RuntimeEnvironment] = relationship()


class EventRecord(Model):
    """An event that came in, once for each `event_id` of an environment."""

    __tablename__ = "event_records"
    __table_args__ = (UniqueConstraint("event_id", "environment_id"),)

    id: Mapped[str] = id_column("evr")
    event_id: Mapped[str]
    name: Mapped[str]
    timestamp: Mapped[datetime] = mapped_column(default=now)
    payload: Mapped[Any] = any_json()
    context: Mapped[Any] = any_json()
    source_context: Mapped[Any] = any_json()
    source: Mapped[str] = mapped_column(default="trigger.dev")
    deliver_at: Mapped[datetime] = mapped_column(default=now)
    delivered_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    is_test: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)
    external_account_id: Mapped[str | None] = reference("external_accounts")
    environment_id: Mapped[str] = reference("runtime_environments")
    environment: Mapped[RuntimeEnvironment] = relationship()
    external_account: Mapped[ExternalAccount | None] = relationship()


class ScheduleSource(Model):
    """A schedule of an endpoint: `{"type": "cron", "options": {"cron": …}}`, or `interval` with `seconds`."""

    __tablename__ = "schedule_sources"
    __table_args__ = (UniqueConstraint("key", "environment_id"),)

    id: Mapped[str] = id_column("sch")
    key: Mapped[str]
    schedule: Mapped[dict[str, Any]]
    active: Mapped[bool] = mapped_column(default=False)
    last_event_at: Mapped[datetime | None]
    next_event_at: Mapped[datetime | None]
    source_metadata: Mapped[Any] = any_json()
    dispatcher_id: Mapped[str] = reference("event_dispatchers")
    dynamic_trigger_id: Mapped[str | None] = reference("dynamic_triggers")
    external_account_id: Mapped[str | None] = reference("external_accounts")
    environment_id: Mapped[str] = reference("runtime_environments")
    dispatcher: Mapped[EventDispatcher] = relationship()


dynamic_trigger_jobs = link("dynamic_trigger_jobs", dynamic_trigger_id="dynamic_triggers", job_id="jobs")
"""The jobs that a dynamic trigger starts."""


class DynamicTrigger(Model):
    """A trigger whose events or schedules are registered while jobs run."""

    __tablename__ = "dynamic_triggers"
    __table_args__ = (UniqueConstraint("endpoint_id", "slug", "type"),)

    id: Mapped[str] = id_column("dyn")
    type: Mapped[DynamicTriggerType]
    slug: Mapped[str]
    offered: Mapped[bool] = mapped_column(default=True)
    """Whether the newest index of its endpoint lists it."""
    endpoint_id: Mapped[str] = reference("endpoints")
    endpoint: Mapped[Endpoint] = relationship()
