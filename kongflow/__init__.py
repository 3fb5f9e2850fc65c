"""KongFlow: background jobs that are declared in kongflow.yaml, checked like code, and kept in your database.

The names below are the public API. They are loaded when they are first used, so that the command line starts fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from kongflow.version import __version__ as __version__

if TYPE_CHECKING:
    from kongflow.app import KongFlow
    from kongflow.core.job import Job
    from kongflow.core.outcome import Cancel, Snooze
    from kongflow.engine.context import JobContext, SyncJobContext
    from kongflow.errors import (
        GiveUp,
        InvalidConfig,
        InvalidPayload,
        KongFlowError,
        LeaseLost,
        StoreBusy,
        TimedOut,
        WrongDatabase,
    )
    from kongflow.sync import SyncKongFlow

__all__ = [
    "Cancel",
    "GiveUp",
    "InvalidConfig",
    "InvalidPayload",
    "Job",
    "JobContext",
    "KongFlow",
    "KongFlowError",
    "LeaseLost",
    "Snooze",
    "StoreBusy",
    "SyncJobContext",
    "SyncKongFlow",
    "TimedOut",
    "WrongDatabase",
]

_HOMES = {
    "Cancel": "kongflow.core.outcome",
    "Job": "kongflow.core.job",
    "JobContext": "kongflow.engine.context",
    "KongFlow": "kongflow.app",
    "Snooze": "kongflow.core.outcome",
    "SyncJobContext": "kongflow.engine.context",
    "SyncKongFlow": "kongflow.sync",
}


if not TYPE_CHECKING:  # else a type checker would take any name for a public one

    def __getattr__(name: str) -> object:
        """Load a public name from the module that defines it."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES.get(name, "kongflow.errors")), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return [*__all__, "__version__"]
