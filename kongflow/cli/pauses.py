"""A pause as the command line shows it, and who asks for one."""

from __future__ import annotations

import getpass
import socket
from typing import TYPE_CHECKING

from kongflow.cli.output import escape, iso
from kongflow.core.json import Json

if TYPE_CHECKING:  # only for annotations: it loads the database's libraries
    from kongflow.store.records import Pause


def who_asks() -> str:
    """Return the user and host of this command."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container may run as a user that has no name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def pause_json(pause: Pause) -> dict[str, Json]:
    """Return a pause as JSON has it."""
    return {
        "name": pause.name,
        "reason": pause.reason or None,
        "author": pause.author or None,
        "paused_at": iso(pause.paused_at),
    }


def pause_cell(pause: Pause | None) -> str:
    """Return the cell of a table: `by ana: moving house`; nothing where there is no pause."""
    if pause is None:
        return ""
    by = f"by {escape(pause.author)}" if pause.author else "yes"
    return f"{by}: {escape(pause.reason)}" if pause.reason else by
