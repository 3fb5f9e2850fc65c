"""What the tests of child processes share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kongflow.core.task import Isolation
from tests.engine.waiting import until


def in_child(run: Callable[..., Any], **fields: Any) -> dict[str, Any]:
    """Return the fields of a task whose handler, one of `child_handlers`, runs in a child process."""
    dotted = f"{run.__module__}.{run.__qualname__}"
    return {"run": run, "handler": dotted, "isolation": Isolation.PROCESS, "max_attempts": 1, **fields}


async def noted(path: Path) -> str:
    """Return what a handler noted, when it has."""
    await until(path.exists)
    return path.read_text()


def lives(pid: int) -> bool:
    """Say whether a process runs; one that is dead and not yet buried does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


async def until_gone(pid: int) -> None:
    await until(lambda: not lives(pid))
    assert pid != os.getpid()
