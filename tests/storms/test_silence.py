"""What is between a runner and its server falls silent: it is noticed, and the runner goes on with all its jobs. Where
it stays silent, the runner stops them before others start them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from kongflow.store.postgres.address import LIMITS, parse_address
from tests.line import line_to
from tests.storms.arena import Arena
from tests.storms.cluster import Cluster, clusters

YAML = """\
version: 1
runner: {concurrency: 5}
tasks:
  work: {handler: handlers.work, max_attempts: 1, crash_limit: 1}
"""
SHORT_LEASE = """\
version: 1
runner: {concurrency: 5, heartbeat: 1s, lease: 6s}
tasks:
  work: {handler: handlers.work, max_attempts: 1}
"""
LONG = 25.0
"""Seconds of jobs that run before, through and after the silence."""
PROMISE = 10.0 + 4.0
"""Seconds until work goes on: those in which silence is noticed, a poll before, a pause after, and a busy machine."""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with clusters() as (cluster,):
        cluster.create()
        cluster.start()
        yield cluster


@pytest.mark.slow
def test_a_runner_notices_silence_and_goes_on_with_its_jobs(cluster: Cluster, tmp_path: Path) -> None:
    with line_to(cluster.url("postgres")) as line:
        arena = Arena(tmp_path, YAML, cluster.url("postgres"))
        try:
            arena.enqueue({"task": "work", "payload": {"n": n, "seconds": LONG}} for n in range(3))
            arena.start(environment={"KONGFLOW_DATABASE_URL": line.url("postgres")})
            arena.wait_for("3 starts", lambda: len(arena.events("start")) == 3)
            line.fall_silent()
            silent = time.monotonic()
            arena.enqueue([{"task": "work", "payload": {"n": 3, "seconds": 0.1}}])
            arena.wait_for("the start of the fourth", lambda: len(arena.events("start")) == 4)
            took = time.monotonic() - silent
            arena.wait_until_done(4, 2 * LONG)
            arena.judge(range(4))
            assert arena.told("job.rescued") == []
            assert {attempt.claims for attempt in arena.attempts()} == {1}, "no job was taken away"
            assert took <= PROMISE, arena.logs()
        finally:
            arena.stop()
    print(f"\nwork went on {took:.1f} s after everything had fallen silent")


@pytest.mark.slow
def test_a_runner_that_is_cut_off_stops_its_jobs_before_another_starts_them(cluster: Cluster, tmp_path: Path) -> None:
    """Two hosts, both silent: connecting to one after the other takes longer than the lease."""
    dsn = cluster.url("postgres")
    with line_to(dsn) as one, line_to(dsn) as other:
        arena = Arena(tmp_path, SHORT_LEASE, dsn)
        try:
            arena.enqueue({"task": "work", "payload": {"n": n, "seconds": 8.0}} for n in range(3))
            arena.start(environment={"KONGFLOW_DATABASE_URL": _with_hosts(one.url("postgres"), other.url("postgres"))})
            arena.wait_for("3 starts", lambda: len(arena.events("start")) == 3)
            for line in (one, other):
                line.cut()
            arena.start()
            arena.wait_until_done(3, 60.0)
            for line in (one, other):
                line.mend()
            arena.wait_for("the end of the outage", lambda: bool(arena.told("store.available")))
            arena.judge(range(3))
            assert [entry["running"] for entry in arena.told("runner.lease_expiring")] == [3]
            stopped = [entry["at"] for entry in arena.events("stopped")]
            began_again = sorted(entry["at"] for entry in arena.events("start"))[3]
        finally:
            arena.stop()
    print(f"\njobs stopped {began_again - max(stopped):.1f} s before another runner started them")


@pytest.mark.slow
def test_the_server_notices_when_we_vanish(cluster: Cluster) -> None:
    address = parse_address(cluster.url("postgres"))
    for conninfo in (address.ours(8_000), address.users, address.migrating):
        with psycopg.connect(conninfo) as connection:
            settings = "select name, setting from pg_settings where name = any (%s)"
            assert dict(connection.execute(settings, (list(LIMITS),)).fetchall()) == dict(LIMITS)


def _with_hosts(url: str, other: str) -> str:
    """Return a URL with the hosts of both."""
    first, second = (urlsplit(each).netloc.rpartition("@")[2] for each in (url, other))
    return url.replace(first, f"{first},{second}")
