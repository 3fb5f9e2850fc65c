"""A runner that is frozen past its lease and wakes up again writes nothing about the jobs that it has lost."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from kongflow.core.job import NewJob
from kongflow.store.base import Store
from tests.freezing import freeze
from tests.storms.arena import Arena

LEASE, HEARTBEAT = 3.0, 0.4
YAML = f"""\
version: 1
runner: {{concurrency: 4, poll_interval: 100ms, heartbeat: {HEARTBEAT}s, lease: {LEASE}s}}
tasks:
  haunt: {{handler: handlers.haunt, max_attempts: 2, crash_limit: 3}}
"""
WRITES = ("finish", "fail", "progress", "transaction")
"""What each zombie tries to write; its heartbeat goes on beside it."""
ROUNDS = 50


class Graveyard:
    """Two runners: in each round one of them freezes with a job of each kind, and the other takes them over."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        arena.on_database(_prepare)
        self.runners = [arena.start(), arena.start()]
        for number in range(2):
            arena.wait_for("two runners", lambda number=number: '"runner.started"' in self.log(number))

    def log(self, number: int) -> str:
        return (self.arena.folder / f"runner-{number}.log").read_text()

    def round(self, number: int) -> None:
        zombie, owner = number % 2, 1 - number % 2
        numbers = range(len(WRITES) * number, len(WRITES) * (number + 1))
        self.freeze(self.runners[owner])
        ids = self.arena.on_database(_adding(number, numbers))
        self.wait_for_starts(ids, 1)
        self.freeze(self.runners[zombie])
        self.wake(self.runners[owner])
        self.wait_for_starts(ids, 2)

        self.go(number, "zombie")
        self.wake(self.runners[zombie])

        self.arena.wait_for(
            "the zombie's word on each job",
            lambda: all(f'"job":"{id}"' in self.lost(zombie) for id in ids) and len(self.said(ids, 1)) == len(ids),
        )
        for job in self.arena.on_database(_getting(ids)):
            assert (job.state, job.claims, job.progress, job.result) == ("running", 2, None, None), job
            assert [attempt.outcome for attempt in job.attempts] == ["crashed"], job
        assert {entry["event"] for entry in self.said(ids, 1) if entry["write"] in ("progress", "transaction")} == {
            "stopped"
        }
        self.go(number, "owner")
        self.arena.wait_until_done(len(WRITES) * (number + 1), 60)

    def freeze(self, runner: subprocess.Popen[str]) -> None:
        self.arena.note(event="stop", pid=runner.pid)
        freeze(runner, self.arena.url)

    def wake(self, runner: subprocess.Popen[str]) -> None:
        runner.send_signal(signal.SIGCONT)

    def go(self, number: int, who: str) -> None:
        (self.arena.folder / f"go-{number}-{who}").touch()

    def wait_for_starts(self, ids: list[str], claims: int) -> None:
        self.arena.wait_for(
            f"{len(ids)} starts of claim {claims}",
            lambda: {each["job"] for each in self.arena.events("start") if each["claims"] == claims} >= set(ids),
        )

    def said(self, ids: list[str], claims: int) -> list[dict[str, Any]]:
        return [
            each
            for each in self.arena.events()
            if each["event"] in ("end", "stopped") and each["job"] in ids and each["claims"] == claims
        ]

    def lost(self, number: int) -> str:
        """The lines in which a runner says that it has lost a job."""
        lines = [line for line in self.log(number).splitlines() if '"job.lost"' in line]
        return "\n".join(json.dumps(json.loads(line), separators=(",", ":")) for line in lines)


@pytest.mark.slow
def test_fifty_zombies_write_nothing(arena: Callable[[str], Arena]) -> None:
    haunted = arena(YAML)
    graveyard = Graveyard(haunted)

    for number in range(ROUNDS):
        graveyard.round(number)

    haunted.judge(range(ROUNDS * len(WRITES)), max_attempts=2, frozen_for=LEASE / 2)
    effects = haunted.on_database(_effects)
    assert effects == [(len(WRITES) * number + WRITES.index("transaction"), 2) for number in range(ROUNDS)]


async def _prepare(store: Store) -> None:
    async with store.transaction() as connection:
        await connection.execute(text("create table effect (n integer, claims integer)"))


async def _effects(store: Store) -> list[tuple[int, int]]:
    async with store.transaction() as connection:
        return [(n, claims) for n, claims in await connection.execute(text("select * from effect order by n, claims"))]


def _adding(number: int, numbers: range) -> Any:
    payloads = [json.dumps({"n": n, "round": number, "write": write}) for n, write in zip(numbers, WRITES, strict=True)]

    async def add(store: Store) -> list[str]:
        return [job.id for job in await store.insert([NewJob("haunt", payload) for payload in payloads])]

    return add


def _getting(ids: list[str]) -> Any:
    async def get(store: Store) -> list[Any]:
        return [await store.get(id) for id in ids]

    return get
