"""Handlers that child processes import by their dotted path; what they do is what the tests next door are about."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kongflow import Cancel, GiveUp, Snooze
from kongflow.engine.context import SyncJobContext


def echo(payload: Any) -> Any:
    return payload


def pid(payload: Any) -> int:
    return os.getpid()


def segfault(payload: Any) -> None:
    ctypes.string_at(0)


def exits(payload: Any) -> None:
    os._exit(7)


def exits_politely(payload: Any) -> None:
    sys.exit("bye")


def is_killed(payload: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def logs_and_dies(payload: Any, job: SyncJobContext) -> None:
    job.logger.info("last words")
    os._exit(7)


def logs_and_completes(payload: Any, job: SyncJobContext) -> None:
    with job.transaction():
        job.logger.info("inside")


def crashes_once(payload: Any, job: SyncJobContext) -> str:
    if job.claims == 1:
        os._exit(7)
    return "went on"


def sleeps(payload: Any, job: SyncJobContext) -> None:
    note(payload, f"{os.getpid()}")
    time.sleep(3600)


def matches(payload: Any) -> None:
    """Never return from C, which holds the interpreter all the while."""
    note(payload, f"{os.getpid()}")
    re.match(r"(a|aa)+$", "a" * 200 + "b")


def waits_until_told(payload: Any, job: SyncJobContext) -> str | None:
    note(payload, f"{os.getpid()}")
    while not job.cancelled:
        time.sleep(0.005)
    return payload.get("returns")


def starts_a_program(payload: Any) -> None:
    program = subprocess.Popen(["/bin/sleep", "3600"])
    note(payload, f"{program.pid}")
    time.sleep(3600)


def hogs(payload: Any) -> int:
    return len(bytearray(payload["bytes"]))


def keeps(payload: Any) -> int:
    """Hold memory beyond the end of the job."""
    gc.collect()
    _kept.append(bytearray(payload["bytes"]))
    return os.getpid()


_kept: list[bytearray] = []


class Odd(Exception):
    """Can neither be pickled nor be made from its arguments."""

    def __init__(self, one: str, two: int) -> None:
        super().__init__(one)
        self.lock = threading.Lock()
        self.two = two

    def __reduce__(self) -> Any:
        raise TypeError("not me")


class Odder(Odd):
    """A subclass, for policies that name its base."""


def fails(payload: Any) -> None:
    raise Odder("it broke\x00 \udc80", 2)


def gives_up(payload: Any) -> None:
    raise GiveUp("no use")


def snoozes(payload: Any) -> Any:
    return Snooze(3600)


def cancels(payload: Any) -> Any:
    return Cancel("not needed")


def returns_a_set(payload: Any) -> Any:
    return {1, 2}


def returns_much(payload: Any) -> str:
    return "x" * (2 << 20)


@dataclass
class Order:
    id: str
    amount: int


def takes_an_order(order: Order) -> str:
    return f"{type(order).__name__} {order.id} of {order.amount}"


def logs(payload: Any, job: SyncJobContext) -> None:
    print("to standard output")
    job.logger.info("the token is %s", job.secrets["token"])
    try:
        int("inner")
    except ValueError:
        logging.getLogger("acme").exception("odd \x01 text\nin two lines", extra={"order": 7})
    raise RuntimeError(f"with {job.secrets['token']}")


def facts(payload: Any, job: SyncJobContext) -> Any:
    return {
        "id": job.id, "task": job.task, "queue": job.queue, "attempt": job.attempt, "max_attempts": job.max_attempts,
        "claims": job.claims, "key": job.key, "tags": list(job.tags), "run_at": job.run_at.isoformat(),
        "created_at": job.created_at.isoformat(), "seconds": (job.deadline - job.run_at).total_seconds(),
        "lease": job.lease, "cancelled": job.cancelled,
    }  # fmt: skip


def reports(payload: Any, job: SyncJobContext) -> Any:
    job.progress({"done": 0.5})
    added = job.enqueue("echo", {"ü": "\u2028"}, tags=["a"], priority=3)
    refused = []
    for task, given in (("ecco", {}), ("strict", {"n": "x"}), ("echo", {"n": float("nan")})):
        try:
            job.enqueue(task, given)
        except Exception as error:
            refused.append([type(error).__name__, str(error), list(getattr(error, "problems", ()))])
    return {"added": added.id, "created": added.created, "tags": list(added.tags), "refused": refused}


def enqueues_in_threads(payload: Any, job: SyncJobContext) -> int:
    threads = [threading.Thread(target=job.enqueue, args=("echo", {"n": n})) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(threads)


def leaves_a_thread(payload: Any, job: SyncJobContext) -> str:
    threading.Thread(target=time.sleep, args=(3600,)).start()
    return "done"


def forks(payload: Any, job: SyncJobContext) -> Any:
    """A process that a handler forks can neither use its job nor keep the line open."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            logging.getLogger("acme").warning("from the fork")
            job.enqueue("echo", {})
        except BaseException as error:
            os.write(tell, str(error).encode())
        os._exit(0)
    os.close(tell)
    os.waitpid(child, 0)
    return os.read(told, 1000).decode()


def forks_and_returns_twice(payload: Any) -> str:
    """Come back from `os.fork` in both processes, as a mistake would."""
    forked = os.fork()
    if forked:
        os.waitpid(forked, 0)
        return "the child"
    return "the fork"


def forks_and_dies(payload: Any) -> None:
    if os.fork() == 0:
        time.sleep(3600)
    os._exit(3)


def closes_everything(payload: Any) -> None:
    os.closerange(3, 1024)


def commits(payload: Any, job: SyncJobContext) -> str:
    from sqlalchemy import text  # only here: it takes half of a start
    from sqlalchemy.orm import Session

    with job.transaction() as tx:
        tx.execute("insert into effects (name) values (:name)", {"name": f"{os.getpid()}"})
        with Session(tx.connection) as session:
            session.execute(text("insert into effects (name) values ('orm')"))
            session.commit()
        tx.enqueue("echo", {"by": "tx"})
        job.enqueue("echo", {"by": "job"})
        if "result" in payload:
            tx.result(payload["result"])
        if "wait" in payload:
            note(payload, f"{os.getpid()}")
            while not Path(payload["wait"]).exists():
                time.sleep(0.01)
        if "raise" in payload:
            raise ValueError(payload["raise"])
    if "after" in payload:
        os._exit(9)
    return "is not the result"


def dequeues(payload: Any, job: SyncJobContext) -> None:
    with job.transaction() as tx:
        dequeued = tx.dequeue(payload["key"])
        tx.result(None if dequeued is None else {"dequeued": dequeued.id})


def commits_with_its_own_connection(payload: Any, job: SyncJobContext) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(payload["url"])
    with engine.begin() as connection:
        job.enqueue("echo", {"by": "connection"}, connection=connection)
    with engine.connect() as connection:
        job.enqueue("echo", {"by": "rolled back"}, connection=connection)
    engine.dispose()


def note(payload: Any, what: str) -> None:
    """Say something to the test, whole or not at all."""
    path = Path(payload["note"])
    path.with_suffix(".new").write_text(what)
    path.with_suffix(".new").rename(path)


def parents(payload: Any) -> list[int]:
    """The fork server, and this child."""
    return [os.getppid(), os.getpid()]


def waits_then_commits(payload: Any, job: SyncJobContext) -> None:
    """Wait for the file `go`, whatever the runner asks, then commit; note what that says."""
    note(payload, f"{os.getpid()}")
    while not Path(payload["go"]).exists():
        time.sleep(0.01)
    try:
        with job.transaction() as tx:
            tx.execute("insert into effects (name) values ('zombie')")
            tx.enqueue("echo", {"by": "zombie"})
    except Exception as error:
        note({"note": Path(payload["go"]).with_name("refused")}, f"{type(error).__name__}: {error}")
        raise


def naps(payload: Any) -> None:
    time.sleep(0.005)


_seen: ContextVar[str] = ContextVar("seen", default="nothing")


def sets_a_context_variable(payload: Any) -> str:
    before = _seen.get()
    _seen.set("an earlier job")
    return before
