"""What follows the end of a run: the next run of its queue, and the events that its output sends."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from catalog.app.models import JobRun, RunStatus
from catalog.app.models.base import now
from catalog.app.work import Work
from catalog.eventing.ingest import RawEvent, SendOptions, ingest_all
from catalog.wire.shape import first_error, problem_of
from catalog.wire.times import read_due, read_time

logger = logging.getLogger(__name__)

SCHEMA = Path(__file__).parent / "events.schema.json"


class NotSent(ValueError):
    """An output looks like one that sends events, and cannot; the text says why."""


async def run_finished(work: Work, run_id: str) -> int | None:
    """Wake the queue of a run that has ended, send its events, and return how many; None where there is no such run."""
    run = await work.session.get(JobRun, run_id)
    if run is None:
        return None
    await work.enqueue("startQueuedRuns", {"id": run.queue_id})
    try:
        events, options = events_of(run.output) if run.status is RunStatus.SUCCESS else ([], None)
    except NotSent as problem:
        logger.warning("the output of the run %s sends no events: %s", run_id, problem)
        events, options = [], None
    await ingest_all(work, run.environment_id, events, options)
    return len(events)


def events_of(output: Any) -> tuple[list[RawEvent], SendOptions | None]:
    """Return the events that an output sends: `{"events": [{"name": …}, …], "options": {…}}`. Any other sends none.

    Raises: NotSent, where it begins like that.
    """
    if not _wants_to_send(output):
        return [], None
    error = first_error(_validator(), output)
    if error is not None:
        raise NotSent(f"{error.json_path}: {problem_of(error)}")
    try:
        return [_event(each) for each in output["events"]], _options(output.get("options") or {})
    except ValueError as problem:  # a text that is no instant, or one that is too far away
        raise NotSent(str(problem)) from None


def _wants_to_send(output: Any) -> bool:
    events = output.get("events") if isinstance(output, dict) else None
    return isinstance(events, list) and bool(events) and isinstance(events[0], dict) and "name" in events[0]


def _event(value: Mapping[str, Any]) -> RawEvent:
    known = {key: value[key] for key in ("id", "source") if key in value}
    return RawEvent(
        value["name"], value.get("payload"), value.get("context"), timestamp=_instant(value.get("timestamp")), **known
    )


def _options(value: Mapping[str, Any]) -> SendOptions:
    deliver_at = value.get("deliverAt")
    due = None if deliver_at is None else read_due(deliver_at, now())
    return SendOptions(due, value.get("deliverAfter"), value.get("accountId"))


def _instant(value: str | float | None) -> datetime | None:
    return None if value is None else read_time(value)


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text()))
