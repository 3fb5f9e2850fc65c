"""Handlers of the storms: copied into a project's folder. What they do is one appended line each in the ledger."""

from __future__ import annotations

import json
import os
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from kongflow.errors import LeaseLost

PAUSE = threading.Event()
"""Never set. `time.sleep` fails under libfaketime with the monotonic clock left alone: EINVAL of clock_nanosleep."""


def note(**entry: Any) -> None:
    line = json.dumps({"pid": os.getpid(), "at": time.monotonic(), **entry}) + "\n"
    ledger = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(ledger, line.encode())
    os.close(ledger)


def note_job(event: str, payload: Any, job: Any) -> None:
    note(
        event=event,
        n=payload["n"],
        job=job.id,
        claims=job.claims,
        lease=job.lease,
        attempt=job.attempt,
        queue=job.queue,
        write=payload.get("write"),
        ts=payload.get("ts"),
    )


def work(payload: Any, job: Any) -> Any:
    """Take some time, and stop at once where the runner says so: it gives the job back then."""
    note_job("start", payload, job)
    until = time.monotonic() + payload["seconds"]
    while time.monotonic() < until:
        if job.cancelled:
            note_job("stopped", payload, job)
            return None
        PAUSE.wait(0.01)
    note_job("end", payload, job)
    return {"n": payload["n"], "claims": job.claims, "lease": job.lease}


def tick(payload: Any, job: Any) -> Any:
    """Do what a slot asks for."""
    return work({**payload, "seconds": 0.05}, job)


def stumble(payload: Any, job: Any) -> Any:
    """Outlast the period of a schedule, and fail the first time."""
    result = work({**payload, "seconds": 1.3}, job)
    if job.attempt == 1 and not job.cancelled:
        raise ConnectionError("the other side is away")
    return result


def plan(payload: Any, job: Any) -> Any:
    """Add a job for later."""
    note_job("start", payload, job)
    job.enqueue("work", {"n": payload["n"] + 1, "seconds": 0.01}, run_at=timedelta(seconds=payload["later"]))
    note_job("end", payload, job)
    return {"n": payload["n"], "claims": job.claims}


def haunt(payload: Any, job: Any) -> Any:
    """Wait, perhaps past the lease, and then write in one of the ways there are."""
    write, number = payload["write"], payload["round"]
    note_job("start", payload, job)
    go = Path(f"go-{number}-{'zombie' if job.claims == 1 else 'owner'}")
    while not go.exists():
        PAUSE.wait(0.005)
    result = {"n": payload["n"], "claims": job.claims}
    try:
        if write == "progress":
            job.progress(result)
        elif write == "transaction":
            with job.transaction() as tx:
                tx.execute(text("insert into effect values (:n, :claims)"), result)
                tx.result(result)
        elif write == "fail" and job.claims == 1:
            note_job("end", payload, job)
            raise ConnectionError("the other side is away")
    except LeaseLost:
        note_job("stopped", payload, job)
        return None
    note_job("end", payload, job)
    return None if write == "transaction" else result


def poison(payload: Any, job: Any) -> None:
    """Take the whole process along, at once."""
    note_job("start", payload, job)
    os._exit(7)
