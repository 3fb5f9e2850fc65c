"""The application's tables: in the schema `app` of PostgreSQL, beside KongFlow's own in a SQLite file."""

from catalog.app.models.base import SCHEMA, Model
from catalog.app.models.connections import (
    AuthSource,
    ConnectionType,
    Integration,
    IntegrationConnection,
    JobIntegration,
    MissingConnection,
    RunConnection,
)
from catalog.app.models.endpoints import Endpoint, EndpointIndex
from catalog.app.models.events import (
    DynamicTrigger,
    DynamicTriggerType,
    EventDispatcher,
    EventRecord,
    ScheduleSource,
)
from catalog.app.models.jobs import EventExample, JobAlias, JobQueue, JobVersion, RegisteredJob, VersionStatus
from catalog.app.models.runs import (
    AttemptStatus,
    ExecutionReason,
    ExecutionStatus,
    JobRun,
    JobRunExecution,
    RunStatus,
    StatusRecord,
    Task,
    TaskAttempt,
    TaskStatus,
)
from catalog.app.models.tenants import (
    EnvironmentType,
    ExternalAccount,
    Organization,
    Project,
    RuntimeEnvironment,
)

__all__ = [
    "SCHEMA",
    "AttemptStatus",
    "AuthSource",
    "ConnectionType",
    "DynamicTrigger",
    "DynamicTriggerType",
    "Endpoint",
    "EndpointIndex",
    "EnvironmentType",
    "EventDispatcher",
    "EventExample",
    "EventRecord",
    "ExecutionReason",
    "ExecutionStatus",
    "ExternalAccount",
    "Integration",
    "IntegrationConnection",
    "JobAlias",
    "JobIntegration",
    "JobQueue",
    "JobRun",
    "JobRunExecution",
    "JobVersion",
    "MissingConnection",
    "Model",
    "Organization",
    "Project",
    "RegisteredJob",
    "RunConnection",
    "RunStatus",
    "RuntimeEnvironment",
    "ScheduleSource",
    "StatusRecord",
    "Task",
    "TaskAttempt",
    "TaskStatus",
    "VersionStatus",
]
