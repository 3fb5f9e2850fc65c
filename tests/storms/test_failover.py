"""The primary dies and its replica is promoted: runners find it by themselves. Where commits wait for the replica,
nothing acknowledged is lost; where they do not, what it had not received is, and what was begun then writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from kongflow.store.base import Store
from tests.storms import oracle
from tests.storms.arena import LIMITS, Arena
from tests.storms.cluster import Cluster, clusters
from tests.storms.producer import Producer

YAML = """\
version: 1
runner: {concurrency: 5}
tasks:
  work: {handler: handlers.work, max_attempts: 1, crash_limit: 1}
"""
RUNNERS = 2
BEFORE, AFTER = 4.0, 3.0
"""Seconds under load before the primary dies and after the replica has taken its place."""
LOST_TIME = 2.0
"""Seconds in which the primary goes on, and the replica does not hear of it."""
BACKLOG, ADD_EVERY, PATIENCE = 150, 0.02, 120.0

WITNESS = (
    "create table public.leased (lease bigint)",
    "create function public.note_lease() returns trigger language plpgsql as "
    "$$ begin insert into public.leased values (new.lease); return null; end $$",
    "create trigger note_lease after update of lease on kongflow.job for each row "
    "when (new.lease is not null and new.lease is distinct from old.lease) execute function public.note_lease()",
)
"""What a database knows of leases: one that was given out in the lost time is not there."""


@pytest.fixture
def pair() -> Iterator[tuple[Cluster, Cluster]]:
    """A primary, and a replica that follows it."""
    with clusters(count=2) as (primary, replica):
        primary.create()
        primary.start()
        replica.follow(primary)
        replica.start()
        yield primary, replica


@pytest.fixture
def arena(pair: tuple[Cluster, Cluster], tmp_path: Path) -> Iterator[Arena]:
    """A project that knows the hosts of both."""
    hosts = ",".join(cluster.host for cluster in pair)
    arena = Arena(tmp_path, YAML, f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write")
    yield arena
    arena.stop()


def ask(cluster: Cluster, *statements: str) -> Any:
    """Run statements outside of any transaction, and return the value of the last."""
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]


def producing(arena: Arena) -> Producer:
    return Producer(arena.url, ADD_EVERY, lambda n: {"seconds": 0.05 + n % 7 * 0.05}, BACKLOG)


def all_succeeded(arena: Arena) -> bool:
    return all(ending.state == "succeeded" for ending in arena.endings())


def promote(arena: Arena, replica: Cluster) -> float:
    """Promote, and return the seconds until the next start."""
    replica.promote()
    promoted = time.monotonic()
    arena.wait_for("a start", lambda: any(each["at"] > promoted for each in arena.events("start")))
    return min(each["at"] for each in arena.events("start") if each["at"] > promoted) - promoted


@pytest.mark.slow
def test_runners_go_on_with_a_promoted_replica(pair: tuple[Cluster, Cluster], arena: Arena) -> None:
    primary, replica = pair
    ask(primary, "alter system set synchronous_standby_names = '*'", "select pg_reload_conf()")
    with producing(arena) as producer:
        arena.start_all(RUNNERS)
        time.sleep(BEFORE)
        primary.stop("immediate")
        resumed = promote(arena, replica)
        time.sleep(AFTER)
    arena.wait_until_done(len(producer.acknowledged), PATIENCE)
    arena.wait_for("rest", lambda: all_succeeded(arena), PATIENCE)
    arena.judge(producer.acknowledged, maybe=producer.unknown)
    assert len(arena.alive) == RUNNERS, arena.logs()
    assert arena.told("job.rescued") == []
    print(f"\nclaims went on {resumed:.2f} s after the promotion; {len(producer.unknown)} inserts failed")


@pytest.mark.slow
def test_what_was_begun_in_the_lost_time_of_a_replica_writes_nothing(
    pair: tuple[Cluster, Cluster], arena: Arena
) -> None:
    primary, replica = pair
    arena.on_database(_post_the_witness)
    with producing(arena) as producer:
        arena.start_all(RUNNERS)
        time.sleep(BEFORE)
        safe = list(producer.acknowledged)
        cut(primary, replica)
        newcomer = arena.start()
        arena.wait_for("a third runner", lambda: len(arena.told("runner.started")) == RUNNERS + 1)
        time.sleep(LOST_TIME)
        primary.stop("immediate")
        acknowledged = list(producer.acknowledged)
        resumed = promote(arena, replica)
        arena.wait_for("the end of the runner that nobody knows", lambda: newcomer.poll() is not None)
        time.sleep(AFTER)
    arena.wait_for("rest", lambda: all_succeeded(arena), PATIENCE)

    known = arena.on_database(_leases)
    ledger = [each for each in arena.events() if each.get("lease") in known]
    endings = arena.endings()
    after = [n for n in producer.acknowledged if n not in set(acknowledged)]
    perhaps = [*producer.unknown, *(n for n in acknowledged if n not in set(safe))]
    broken = oracle.judge(
        oracle.attempts_of(ledger), endings, added=[*safe, *after], maybe=perhaps, limits=LIMITS, max_attempts=1
    )
    assert not broken, "\n".join([*broken[:20], arena.logs()])
    newest = {each["job"]: each["lease"] for each in sorted(ledger, key=lambda each: each["at"])}
    assert {ending.job: ending.result["lease"] for ending in endings} == newest
    assert newcomer.returncode == 1
    assert len(arena.alive) == RUNNERS, arena.logs()
    assert arena.told("job.rescued") == []
    lost = set(acknowledged) - {ending.n for ending in endings}
    begun = [each for each in arena.events("start") if each["lease"] not in known]
    refused = arena.told("job.lost")
    assert lost, "there was no lost time"
    assert refused, "nobody tried to write"
    print(
        f"\nclaims went on {resumed:.2f} s after the promotion; of the lost time are {len(lost)} jobs, {len(begun)} "
        f"starts and {len(refused)} refused ends"
    )


def cut(primary: Cluster, replica: Cluster) -> None:
    """Let the replica receive all there is now, and then nothing any more."""
    reached = ask(primary, "select pg_current_wal_flush_lsn()::text")
    until(replica, f"select pg_last_wal_replay_lsn() >= '{reached}'")
    ask(replica, "alter system set primary_conninfo = ''", "select pg_reload_conf()")
    until(replica, "select not exists (select from pg_stat_wal_receiver)")


def until(cluster: Cluster, condition: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ask(cluster, condition):
        assert time.monotonic() < deadline, condition
        time.sleep(0.05)


async def _post_the_witness(store: Store) -> None:
    async with store.transaction() as connection:
        for statement in WITNESS:
            await connection.exec_driver_sql(statement)


async def _leases(store: Store) -> set[int]:
    async with store.transaction() as connection:
        return set((await connection.execute(text("select lease from public.leased"))).scalars())
