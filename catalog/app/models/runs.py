"""Runs of jobs: each in one or more executions, calls of its endpoint, that carry it from task to task."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalog.app.models.base import Model, any_json, id_column, now, reference
from catalog.app.models.endpoints import Endpoint
from catalog.app.models.events import EventRecord
from catalog.app.models.jobs import JobQueue, JobVersion, RegisteredJob
from catalog.app.models.tenants import ExternalAccount, RuntimeEnvironment


class RunStatus(StrEnum):
    """Where a run stands."""

    PENDING = "PENDING"
    QUEUED = "QUEUED"
    WAITING_ON_CONNECTIONS = "WAITING_ON_CONNECTIONS"
    PREPROCESSING = "PREPROCESSING"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"
    CANCELED = "CANCELED"
    INVALID_PAYLOAD = "INVALID_PAYLOAD"
    UNRESOLVED_AUTH = "UNRESOLVED_AUTH"

    @property
    def may_start(self) -> bool:
        """Whether startRun has something to do."""
        return self in (RunStatus.PENDING, RunStatus.QUEUED, RunStatus.WAITING_ON_CONNECTIONS)

    @property
    def holds_slot(self) -> bool:
        """Whether the run counts in its queue's `job_count`."""
        return self in (RunStatus.PREPROCESSING, RunStatus.STARTED)

    @property
    def is_final(self) -> bool:
        """Whether nothing comes after it but `continue_run`."""
        return not (self.may_start or self.holds_slot)


class ExecutionReason(StrEnum):
    """What an endpoint is called for."""

    PREPROCESS = "PREPROCESS"
    EXECUTE_JOB = "EXECUTE_JOB"


class ExecutionStatus(StrEnum):
    """Where an execution stands."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


class TaskStatus(StrEnum):
    """Where a task of a run stands."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    ERRORED = "ERRORED"
    CANCELED = "CANCELED"

    @property
    def is_final(self) -> bool:
        """Whether the task has ended."""
        return self in (TaskStatus.COMPLETED, TaskStatus.ERRORED, TaskStatus.CANCELED)


class AttemptStatus(StrEnum):
    """Where an attempt of a task stands."""

    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    ERRORED = "ERRORED"


class JobRun(Model):
    """One run of a version of a job, for one event. Numbers count from 1 in each job."""

    __tablename__ = "job_runs"
    __table_args__ = (
        UniqueConstraint("job_id", "number"),
        Index(None, "queue_id", "status", "queued_at"),
        Index(None, "status"),
    )

    id: Mapped[str] = id_column("run")
    number: Mapped[int]
    status: Mapped[RunStatus] = mapped_column(default=RunStatus.PENDING)
    is_test: Mapped[bool] = mapped_column(default=False)
    preprocess: Mapped[bool] = mapped_column(default=False)
    properties: Mapped[Any] = any_json()
    output: Mapped[Any] = any_json()
    yielded_executions: Mapped[list[str]] = mapped_column(default=list)
    """Keys at which an execution gave way; the endpoint needs them to go on from there."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    looked_at: Mapped[datetime | None]
    """When somebody last looked whether what carries it on was lost."""
    queued_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    job_id: Mapped[str] = reference("jobs")
    version_id: Mapped[str] = reference("job_versions")
    event_id: Mapped[str] = reference("event_records", index=True)
    endpoint_id: Mapped[str] = reference("endpoints")
    environment_id: Mapped[str] = reference("runtime_environments")
    queue_id: Mapped[str] = reference("job_queues")
    external_account_id: Mapped[str | None] = reference("external_accounts")
    job: Mapped[RegisteredJob] = relationship()
    version: Mapped[JobVersion] = relationship()
    event: Mapped[EventRecord] = relationship()
    endpoint: Mapped[Endpoint] = relationship()
    environment: Mapped[RuntimeEnvironment] = relationship()
    queue: Mapped[JobQueue] = relationship()
    external_account: Mapped[ExternalAccount | None] = relationship()


class JobRunExecution(Model):
    """One call of a run's endpoint, tried again up to `retry_limit` times. Delays in milliseconds."""

    __tablename__ = "job_run_executions"
    __table_args__ = (Index(None, "status", "due_at"),)

    id: Mapped[str] = id_column("exe")
    reason: Mapped[ExecutionReason]
    status: Mapped[ExecutionStatus] = mapped_column(default=ExecutionStatus.PENDING)
    retry_count: Mapped[int] = mapped_column(default=0)
    retry_limit: Mapped[int] = mapped_column(default=0)
    retry_delay_ms: Mapped[int] = mapped_column(default=0)
    is_retry: Mapped[bool] = mapped_column(default=False)
    error: Mapped[Any] = any_json()
    job_number: Mapped[int] = mapped_column(BigInteger, default=0)
    job_claims: Mapped[int] = mapped_column(default=0)
    """Which job makes the call, and in which of its claims: whoever comes with an earlier one was given up."""
    due_at: Mapped[datetime] = mapped_column(default=now)
    """When its job is to run: what has not ended long after it has lost its job."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    run_id: Mapped[str] = reference("job_runs", index=True)
    resume_task_id: Mapped[str | None] = reference("tasks")
    run: Mapped[JobRun] = relationship()
    resume_task: Mapped[Task | None] = relationship()


class Task(Model):
    """One step of a run, remembered by its `idempotency_key`, so that it is done once however often the run resumes.

    `output` is what the endpoint gave, or the error of a task that failed.
    """

    __tablename__ = "tasks"
    __table_args__ = (UniqueConstraint("run_id", "idempotency_key"),)

    id: Mapped[str] = id_column("task")
    idempotency_key: Mapped[str]
    status: Mapped[TaskStatus]
    name: Mapped[str]
    display_key: Mapped[str | None]
    icon: Mapped[str | None]
    description: Mapped[str | None]
    noop: Mapped[bool] = mapped_column(default=False)
    delay_until: Mapped[datetime | None]
    operation: Mapped[str | None]
    connection_key: Mapped[str | None]
    child_execution_mode: Mapped[str] = mapped_column(default="SEQUENTIAL")
    params: Mapped[Any] = any_json()
    properties: Mapped[Any] = any_json()
    output_properties: Mapped[Any] = any_json()
    redact: Mapped[Any] = any_json()
    style: Mapped[Any] = any_json()
    context: Mapped[Any] = any_json()
    output: Mapped[Any] = any_json()
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    due_at: Mapped[datetime | None]
    """When the job of its operation is to run: what has not ended long after it has lost its job."""
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    run_id: Mapped[str] = reference("job_runs")
    parent_id: Mapped[str | None] = reference("tasks")
    run: Mapped[JobRun] = relationship()
    attempts: Mapped[list[TaskAttempt]] = relationship(order_by="TaskAttempt.number", back_populates="task")


class TaskAttempt(Model):
    """One try of a task. Numbers count from 1."""

    __tablename__ = "task_attempts"
    __table_args__ = (UniqueConstraint("task_id", "number"),)

    id: Mapped[str] = id_column("att")
    number: Mapped[int]
    status: Mapped[AttemptStatus] = mapped_column(default=AttemptStatus.PENDING)
    error: Mapped[str | None]
    run_at: Mapped[datetime | None]
    task_id: Mapped[str] = reference("tasks")
    task: Mapped[Task] = relationship(back_populates="attempts")


class StatusRecord(Model):
    """What a run says of itself under a key; `history` are its earlier words, oldest first."""

    __tablename__ = "run_statuses"
    __table_args__ = (UniqueConstraint("run_id", "key"),)

    id: Mapped[str] = id_column("sta")
    key: Mapped[str]
    label: Mapped[str | None]
    state: Mapped[str | None]
    data: Mapped[Any] = any_json()
    history: Mapped[list[dict[str, Any]]] = any_json()
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    run_id: Mapped[str] = reference("job_runs")
