"""Importing handlers for `validate --import`: what the checks ask of who does it, in a process that is not theirs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from kongflow.config.binding import Handler
from kongflow.config.handler_path import HandlerProblem
from kongflow.config.handlers import HandlerSignature


@dataclass(frozen=True, slots=True)
class Imported:
    """What importing the handlers of a project has shown."""

    handlers: Mapping[str, HandlerSignature | HandlerProblem]
    """By task name."""
    least_memory_limit: int | None = None
    """Bytes: what a child process needs at least; None where nothing limits it, or where nobody could measure it."""


Importer: TypeAlias = Callable[[Path, Mapping[str, str], Collection[str]], Imported]
"""Takes the folder of kongflow.yaml, the handlers' dotted paths by task, and the tasks that run in child processes."""


def signature_of(handler: Handler) -> HandlerSignature:
    """Return what there is to know of a handler that was imported."""
    return HandlerSignature(None, None, handler.is_async, handler.takes_context, None, None)
