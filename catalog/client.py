# Written by `kongflow generate python`: change kongflow.yaml and the schemas, and write it again.
# ruff: noqa
# ruff: noqa: PGH004
# fmt: off
"""Typed calls of the tasks of kongflow-reference.

`Client(flow).enqueue(task, payload, …)` is `flow.enqueue(task, payload, …)` with the types of each task. `flow`
is a `KongFlow` or a `SyncKongFlow`, or inside a handler its job or its transaction.

`flow.enqueue_many([addition(task, payload, …), …])` adds several in one transaction.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, NotRequired, Protocol, TypeAlias, TypedDict, TypeVar, Unpack, overload

Json: TypeAlias = Any
JobKeyMode: TypeAlias = Literal["replace", "preserve_run_at", "unsafe_dedupe"]


class Options(TypedDict, total=False):
    """The options of one call; None means "not given": then the catalog decides."""

    run_at: datetime | timedelta | None
    queue: str | None
    priority: int | None
    max_attempts: int | None
    job_key: str | None
    job_key_mode: JobKeyMode | None
    flags: Collection[str] | None
    tags: Collection[str] | None


class AutoIndexProductionEndpointsPayload(TypedDict):
    """Nothing; or what a recurring run says about its slot."""

    ts: NotRequired[str]
    """The instant of the slot, ISO 8601."""
    backfilled: NotRequired[bool]
    """True for a slot that was made up later."""


class AutoIndexProductionEndpointsResult(TypedDict):
    """Which endpoints were due."""

    enqueued: int
    """How many endpoints were due; each has a waiting or running indexEndpoint now."""


class ConnectionCreatedPayload(TypedDict):
    """Which connection is there now."""

    id: str
    """Id of the connection."""


class ConnectionCreatedResult(TypedDict):
    """How many runs waited."""

    runs: int
    """How many runs are started anew."""


class DeliverEventPayload(TypedDict):
    """Which event to deliver."""

    id: str
    """Id of the event's record."""


class DeliverEventResult(TypedDict):
    """Where the event went."""

    dispatchers: int
    """How many dispatchers wanted the event."""


class EventsDeliverScheduledPayloadPayload(TypedDict):
    """The slot."""

    ts: str
    """When the slot is, as ISO 8601 with a time zone."""
    lastTimestamp: NotRequired[str]
    """When the slot before it was; without it this is the first."""


class EventsDeliverScheduledPayload(TypedDict):
    """Which slot of which schedule to fire."""

    id: str
    """Id of the schedule."""
    payload: EventsDeliverScheduledPayloadPayload
    """The slot."""


class EventsDeliverScheduledResult(TypedDict):
    """What was started."""

    runs: list[str]
    """Ids of the runs that were created."""


class EventsInvokeDispatcherPayload(TypedDict):
    """Which dispatcher to fire, and for which event."""

    id: str
    """Id of the dispatcher."""
    eventRecordId: str
    """Id of the event's record."""


class EventsInvokeDispatcherResult(TypedDict):
    """What was started."""

    runs: list[str]
    """Ids of the runs that were created."""


class IndexEndpointPayload(TypedDict):
    """Which endpoint to index, and what asked for it."""

    id: str
    """Id of the endpoint, as `python -m catalog.app add-endpoint` prints it."""
    source: NotRequired[Literal["MANUAL", "API", "INTERNAL", "HOOK"]]
    """What asked for the index: a person, the API, ourselves, or a deploy hook."""
    reason: NotRequired[str]
    """Why, in words; kept with the index."""
    sourceData: NotRequired[Json]
    """What the source sent along, kept with the index: any JSON."""


class IndexEndpointResultStats(TypedDict):
    """How much of each kind the endpoint offers."""

    jobs: int
    """Jobs that were registered."""
    disabledJobs: int
    """Jobs that the endpoint lists as disabled."""
    rejectedJobs: int
    """Jobs that could not be registered."""
    sources: int
    """Sources that the index lists."""
    dynamicTriggers: int
    """Dynamic triggers that were registered."""
    dynamicSchedules: int
    """Dynamic schedules that were registered."""
    issues: list[str]
    """What could not be registered and why, such as: Job "a": 5 is not of type 'string' at "version". At most 100."""


class IndexEndpointResult(TypedDict):
    """The stored index and what it counts."""

    index: str
    """Id of the stored index."""
    stats: IndexEndpointResultStats
    """How much of each kind the endpoint offers."""


class MissingConnectionCreatedPayload(TypedDict):
    """Which connection runs wait for."""

    id: str
    """Id of the missing connection."""


MissingConnectionCreatedResult: TypeAlias = None


class PerformRunExecutionPayload(TypedDict):
    """Which call of a run's endpoint to make."""

    id: str
    """Id of the execution, not of the run."""


PerformRunExecutionResult: TypeAlias = None


class PerformTaskOperationPayload(TypedDict):
    """Whose operation to perform."""

    id: str
    """Id of the task of a run."""


class PerformTaskOperationResult(TypedDict):
    """What became of the task."""

    status: str | None
    """Where the task stands now; null where it had ended by itself, or there is none."""


class PurgeOldIndexingsPayload(TypedDict):
    """Nothing; or what a recurring run says about its slot."""

    ts: NotRequired[str]
    """The instant of the slot, ISO 8601."""
    backfilled: NotRequired[bool]
    """True for a slot that was made up later."""


class PurgeOldIndexingsResult(TypedDict):
    """What was deleted."""

    deleted: int
    """How many indexes."""


class RecoverExecutionsPayload(TypedDict):
    """Nothing; or what a recurring run says about its slot."""

    ts: NotRequired[str]
    """The instant of the slot, ISO 8601."""
    backfilled: NotRequired[bool]
    """True for a slot that was made up later."""


class RecoverExecutionsResult(TypedDict):
    """What had come to a halt."""

    recovered: int
    """How many starts, calls and operations were enqueued anew."""
    woken: int
    """How many queues had a free slot and a run that waited for one."""


class RunFinishedPayload(TypedDict):
    """Which run has ended."""

    id: str
    """Id of the run."""


class RunFinishedResult(TypedDict):
    """What the run's output sent."""

    events: int
    """How many events."""


class ScheduleEmailPayload(TypedDict):
    """One e-mail to one address. `email` names the template, which decides about the other fields."""

    email: Literal["welcome", "magic_link", "invite", "connect_integration", "workflow_failed", "workflow_integration"]
    """The template."""
    to: str
    """The recipient: one plain address."""
    name: NotRequired[str]
    """How to greet the recipient; welcome only."""
    magicLink: NotRequired[str]
    """The link that signs the recipient in."""
    orgName: NotRequired[str]
    """The organization that invites."""
    inviterName: NotRequired[str]
    """Who invites, by name."""
    inviterEmail: NotRequired[str]
    """Who invites, by address."""
    inviteLink: NotRequired[str]
    """The link that accepts the invitation."""
    workflowId: NotRequired[str]
    """The workflow that the message is about."""
    integration: NotRequired[str]
    """The service to connect, such as Slack."""


class ScheduleEmailResult(TypedDict):
    """Where the message went."""

    delivered: Literal["smtp", "outbox"]
    """smtp: the server took it; outbox: it was written into a file."""
    subject: str
    """The subject line."""
    message_id: str
    """The Message-ID, the same for every attempt of the job."""
    path: NotRequired[str]
    """The file, where it went into the outbox."""


class StartQueuedRunsPayload(TypedDict):
    """Whose waiting runs to start."""

    id: str
    """Id of the queue of runs, in the application's tables."""


class StartQueuedRunsResult(TypedDict):
    """Which run is started next."""

    run: str | None
    """Id of the run; null where none waits, or no slot is free."""


class StartRunPayload(TypedDict):
    """Which run to start."""

    id: str
    """Id of the run."""


class StartRunResult(TypedDict):
    """What became of the run."""

    status: str | None
    """Where the run stands now; null where there is no such run."""


Added = TypeVar("Added")
Added_co = TypeVar("Added_co", covariant=True)


class Enqueues(Protocol[Added_co]):
    """What adds jobs by names that no type checker knows."""

    def enqueue(self, task: str, payload: Json = None, **options: Unpack[Options]) -> Added_co:
        """Add a job."""
        ...


class Client(Generic[Added]):
    """Adds jobs, with the types of each task. Raises: as the `enqueue` that it calls."""

    def __init__(self, flow: Enqueues[Added]) -> None:
        self.flow = flow

    @overload
    def enqueue(
        self, task: Literal["autoIndexProductionEndpoints"], payload: AutoIndexProductionEndpointsPayload | None = None,
        *, connection: object = None, **options: Unpack[Options]
    ) -> Added:
        """Enqueues indexEndpoint for every production endpoint that has not been indexed for 10 minutes."""
        ...

    @overload
    def enqueue(
        self, task: Literal["connectionCreated"], payload: ConnectionCreatedPayload,
        *, connection: object = None, **options: Unpack[Options]
    ) -> Added:
        """Starts every run that waited for a connection."""
        ...

    @overload
    def enqueue(
        self, task: Literal["deliverEvent"], payload: DeliverEventPayload,
        *, connection: object = None, **options: Unpack[Options]
    ) -> Added:
        """Hands an event to every dispatcher that listens for it and whose filter it passes."""
        ...

    @overload
    def enqueue(
        self, task: Literal["events.deliverScheduled"], payload: EventsDeliverScheduledPayload,
        *, connection: object = None, **options: Unpack[Options]
    ) -> Added:
        """Starts the runs of a schedule's slot and enqueues the next slot."""
        ...

    @overload
    def enqueue(
        self, task: Literal["events.invokeDispatcher"], payload: EventsInvokeDispatcherPayload,
        *, connection: object = None, **options: Unpack[Options]
    ) -> Added:
        """Creates the runs that a dispatcher starts for an event."""
        ...

    @overload
    def enqueue(
        self, task: Literal["indexEndpoint"], payload: IndexEndpointPayload,
        *, connection: object = None, **options: Unpack[Options]
    ) -> Added:
        """Asks an endpoint which jobs it offers and stores the answer in the application's tables."""
        ...

    @overload
    def enqueue(
        self, task: Literal["missingConnectionCreated"], payload: MissingConnectionCreatedPayload,
        *, connection: object = None, **options: Unpack[Options]
    ) -> Added:
        """Tells a project which connection its runs wait for."""
        ...

    @overload
    def enqueue(
        self, task: Literal["performRunExecution"], payload: PerformRunExecutionPayload,
        *, connection: object = None, **options: Unpack[Options]
    ) -> Added:
        """Calls the endpoint of a run, and carries the run on as its answer says."""
        ...

    @overload
    def enqueue(
        self, task: Literal["performTaskOperation"], payload: PerformTaskOperationPayload,
        *, connection: object = None, **options: Unpack[Options]
    ) -> Added:
        """Makes the request that a task of a run has asked for, and lets the run go on."""
        ...

    @overload
    def enqueue(
        self, task: Literal["purgeOldIndexings"], payload: PurgeOldIndexingsPayload | None = None,
        *, connection: object = None, **options: Unpack[Options]
    ) -> Added:
        """Deletes indexes that are older than 7 days; the newest of each endpoint stays."""
        ...

    @overload
    def enqueue(
        self, task: Literal["recoverExecutions"], payload: RecoverExecutionsPayload | None = None,
        *, connection: object = None, **options: Unpack[Options]
    ) -> Added:
        """Enqueues anew the starts, calls and operations whose job is gone, and wakes queues with room for runs that
        wait.
        """
        ...

    @overload
    def enqueue(
        self, task: Literal["runFinished"], payload: RunFinishedPayload,
        *, connection: object = None, **options: Unpack[Options]
    ) -> Added:
        """Wakes the queue of a run that has ended, and sends the events of its output."""
        ...

    @overload
    def enqueue(
        self, task: Literal["scheduleEmail"], payload: ScheduleEmailPayload,
        *, connection: object = None, **options: Unpack[Options]
    ) -> Added:
        """Renders one of six templates and sends it; without SMTP_HOST it goes into the outbox folder."""
        ...

    @overload
    def enqueue(
        self, task: Literal["startQueuedRuns"], payload: StartQueuedRunsPayload,
        *, connection: object = None, **options: Unpack[Options]
    ) -> Added:
        """Starts the run of a queue that has waited longest, where there is a free slot."""
        ...

    @overload
    def enqueue(
        self, task: Literal["startRun"], payload: StartRunPayload,
        *, connection: object = None, **options: Unpack[Options]
    ) -> Added:
        """Starts a run, or lets it wait for a slot of its queue or for a connection."""
        ...

    def enqueue(
        self, task: str, payload: Json = None, *, connection: object = None, **options: Unpack[Options]
    ) -> Added:
        """Add a job."""
        joined: dict[str, Any] = {} if connection is None else {"connection": connection}
        return self.flow.enqueue(task, payload, **joined, **options)


@overload
def addition(
    task: Literal["autoIndexProductionEndpoints"], payload: AutoIndexProductionEndpointsPayload | None = None,
    **options: Unpack[Options]
) -> tuple[str, Json, Options]:
    """Enqueues indexEndpoint for every production endpoint that has not been indexed for 10 minutes."""
    ...

@overload
def addition(
    task: Literal["connectionCreated"], payload: ConnectionCreatedPayload, **options: Unpack[Options]
) -> tuple[str, Json, Options]:
    """Starts every run that waited for a connection."""
    ...

@overload
def addition(
    task: Literal["deliverEvent"], payload: DeliverEventPayload, **options: Unpack[Options]
) -> tuple[str, Json, Options]:
    """Hands an event to every dispatcher that listens for it and whose filter it passes."""
    ...

@overload
def addition(
    task: Literal["events.deliverScheduled"], payload: EventsDeliverScheduledPayload, **options: Unpack[Options]
) -> tuple[str, Json, Options]:
    """Starts the runs of a schedule's slot and enqueues the next slot."""
    ...

@overload
def addition(
    task: Literal["events.invokeDispatcher"], payload: EventsInvokeDispatcherPayload, **options: Unpack[Options]
) -> tuple[str, Json, Options]:
    """Creates the runs that a dispatcher starts for an event."""
    ...

@overload
def addition(
    task: Literal["indexEndpoint"], payload: IndexEndpointPayload, **options: Unpack[Options]
) -> tuple[str, Json, Options]:
    """Asks an endpoint which jobs it offers and stores the answer in the application's tables."""
    ...

@overload
def addition(
    task: Literal["missingConnectionCreated"], payload: MissingConnectionCreatedPayload, **options: Unpack[Options]
) -> tuple[str, Json, Options]:
    """Tells a project which connection its runs wait for."""
    ...

@overload
def addition(
    task: Literal["performRunExecution"], payload: PerformRunExecutionPayload, **options: Unpack[Options]
) -> tuple[str, Json, Options]:
    """Calls the endpoint of a run, and carries the run on as its answer says."""
    ...

@overload
def addition(
    task: Literal["performTaskOperation"], payload: PerformTaskOperationPayload, **options: Unpack[Options]
) -> tuple[str, Json, Options]:
    """Makes the request that a task of a run has asked for, and lets the run go on."""
    ...

@overload
def addition(
    task: Literal["purgeOldIndexings"], payload: PurgeOldIndexingsPayload | None = None, **options: Unpack[Options]
) -> tuple[str, Json, Options]:
    """Deletes indexes that are older than 7 days; the newest of each endpoint stays."""
    ...

@overload
def addition(
    task: Literal["recoverExecutions"], payload: RecoverExecutionsPayload | None = None, **options: Unpack[Options]
) -> tuple[str, Json, Options]:
    """Enqueues anew the starts, calls and operations whose job is gone, and wakes queues with room for runs that
    wait.
    """
    ...

@overload
def addition(
    task: Literal["runFinished"], payload: RunFinishedPayload, **options: Unpack[Options]
) -> tuple[str, Json, Options]:
    """Wakes the queue of a run that has ended, and sends the events of its output."""
    ...

@overload
def addition(
    task: Literal["scheduleEmail"], payload: ScheduleEmailPayload, **options: Unpack[Options]
) -> tuple[str, Json, Options]:
    """Renders one of six templates and sends it; without SMTP_HOST it goes into the outbox folder."""
    ...

@overload
def addition(
    task: Literal["startQueuedRuns"], payload: StartQueuedRunsPayload, **options: Unpack[Options]
) -> tuple[str, Json, Options]:
    """Starts the run of a queue that has waited longest, where there is a free slot."""
    ...

@overload
def addition(
    task: Literal["startRun"], payload: StartRunPayload, **options: Unpack[Options]
) -> tuple[str, Json, Options]:
    """Starts a run, or lets it wait for a slot of its queue or for a connection."""
    ...

def addition(
    task: str, payload: Json = None, **options: Unpack[Options]
) -> tuple[str, Json, Options]:
    """Return an entry of `enqueue_many`."""
    return task, payload, options
