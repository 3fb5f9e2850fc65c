"""The primary dies and its replica is promoted: runners find it by themselves, and nothing acknowledged is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.storms.arena import Arena
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
BACKLOG, ADD_EVERY, PATIENCE = 150, 0.02, 120.0


@pytest.fixture
def pair() -> Iterator[tuple[Cluster, Cluster]]:
    """A primary, and a replica without which it acknowledges no commit."""
    with clusters(count=2) as (primary, replica):
        primary.create()
        primary.start()
        replica.follow(primary)
        replica.start()
        with psycopg.connect(primary.url("postgres"), autocommit=True) as connection:
            connection.execute("alter system set synchronous_standby_names = '*'")
            connection.execute("select pg_reload_conf()")
        yield primary, replica


@pytest.mark.slow
def test_runners_go_on_with_a_promoted_replica(pair: tuple[Cluster, Cluster], tmp_path: Path) -> None:
    primary, replica = pair
    hosts = f"{primary.host},{replica.host}"
    arena = Arena(tmp_path, YAML, f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write")
    try:
        with Producer(arena.url, ADD_EVERY, lambda n: {"seconds": 0.05 + n % 7 * 0.05}, BACKLOG) as producer:
            for _ in range(RUNNERS):
                arena.start()
            arena.wait_for("a start", lambda: bool(arena.events("start")))
            time.sleep(BEFORE)
            primary.stop("immediate")
            replica.promote()
            promoted = time.monotonic()
            arena.wait_for("a start", lambda: any(each["at"] > promoted for each in arena.events("start")))
            resumed = min(each["at"] for each in arena.events("start") if each["at"] > promoted) - promoted
            time.sleep(AFTER)
        arena.wait_until_done(len(producer.acknowledged), PATIENCE)
        arena.wait_for("rest", lambda: all(ending.state == "succeeded" for ending in arena.endings()), PATIENCE)
        arena.judge(producer.acknowledged, maybe=producer.unknown)
        assert len(arena.alive) == RUNNERS, arena.logs()
        assert arena.told("job.rescued") == []
    finally:
        arena.stop()
    print(f"\nclaims went on {resumed:.2f} s after the promotion; {len(producer.unknown)} inserts failed")
