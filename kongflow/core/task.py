"""Task: a named kind of work, as the catalog declares it with every default resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from kongflow.core.json import Json
from kongflow.core.retry import RetryPolicy
from kongflow.core.schema import PayloadSchema
from kongflow.core.template import Template

MAX_NAME_LENGTH = 128
MIN_PRIORITY, MAX_PRIORITY = -32768, 32767


class JobKeyMode(StrEnum):
    """What an enqueue does where a job of the same key is already waiting or running."""

    REPLACE = "replace"
    PRESERVE_RUN_AT = "preserve_run_at"
    UNSAFE_DEDUPE = "unsafe_dedupe"


class Isolation(StrEnum):
    """Where a handler runs. `auto`: coroutine functions on the loop, plain functions in threads. `process`: plain
    functions in child processes that can be killed alone.
    """

    AUTO = "auto"
    ASYNC = "async"
    THREAD = "thread"
    PROCESS = "process"


class Keep(StrEnum):
    """Which finished jobs of a task go into the history."""

    ALL = "all"
    FAILED = "failed"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Task:
    """One declared task. Times are seconds; `retry` is the resolved policy, `max_attempts` included."""

    name: str
    handler: str
    """Dotted path, `package.module.function` or `package.module:attribute`."""
    payload_schema: PayloadSchema | None
    """None: any JSON object, or no payload at all."""
    result_schema: PayloadSchema | None
    """None: any JSON value."""
    retry: RetryPolicy
    queue: Template | None = None
    priority: Template | int = 0
    job_key: Template | None = None
    job_key_mode: JobKeyMode = JobKeyMode.REPLACE
    timeout: float = 600.0
    cancel_grace: float = 30.0
    crash_limit: int = 3
    flags: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    isolation: Isolation = Isolation.AUTO
    memory_limit: int | None = None
    """Bytes that its child process may use, the interpreter and the handlers' modules included."""
    keep: Keep = Keep.ALL
    description: str = ""
    owner: str = ""
    examples: tuple[Json, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of a task that is gone: its waiting jobs move to `renamed_to`, or are cancelled where it is None."""

    name: str
    renamed_to: str | None
