"""No statement of the hot path reads a whole table, or sorts what an index has in order."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from kongflow.store.statements import load_statements, with_prefix

STATEMENTS = load_statements("kongflow.store.sqlite", lambda sql: with_prefix(sql, "kongflow"))

MAY_SCAN = {
    "pending": "counts everything, on the reader's connection",
}
MAY_SORT = {
    "pending": "as above",
    "unrouted_jobs": "sorts the unrouted jobs of known tasks, which are few at any time",
    "registered_runners": "sorts the runners that have not left",
    "config_in_force": "sorts the published configs",
    "declared_in_force": "as above",
    "schedule_views": "sorts the schedules that were seen or paused",
    "published_retention": "as above",
}


@pytest.fixture
def connection(migrated_file: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"file:{migrated_file}?mode=ro", uri=True)
    yield connection
    connection.close()


def plan(connection: sqlite3.Connection, name: str) -> list[str]:
    sql = re.sub(r"--.*", "", STATEMENTS[name])
    values = dict.fromkeys(re.findall(r":([a-z_]+)", sql), "[]")
    return [row[3] for row in connection.execute(f"explain query plan {sql}", values)]


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_a_statement_reads_no_more_than_it_needs(connection: sqlite3.Connection, name: str) -> None:
    steps = plan(connection, name)
    scans = [step for step in steps if step.startswith("SCAN kongflow_job") and "USING" not in step]
    scans += [step for step in steps if step.startswith("SCAN kongflow_history") and "USING" not in step]
    assert not scans or name in MAY_SCAN
    assert not [step for step in steps if "TEMP B-TREE" in step] or name in MAY_SORT


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("ready", "kongflow_job_ready"),
        ("ready_kinds", "kongflow_job_ready_kind"),
        ("ready_of_kind", "kongflow_job_ready_kind"),
        ("ready_kinds_of_queue", "kongflow_job_ready_queue"),
        ("ready_of_queue", "kongflow_job_ready_queue"),
        ("ready_of_name", "kongflow_job_ready_queue"),
        ("ready_names", "kongflow_job_ready_queue"),
        ("blocked_kinds", "kongflow_job_blocked"),
        ("blocked_of_lane", "kongflow_job_blocked"),
        ("any_blocked", "kongflow_job_blocked"),
        ("waiting_for_pattern", "kongflow_job_blocked_by_pattern"),
        ("running_of_queue", "kongflow_job_running_queue"),
        ("running_queues", "kongflow_job_running_queue"),
        ("names_of_waiting", "kongflow_job_blocked"),
        ("names_of_waiting", "kongflow_job_blocked_by_pattern"),
        ("expired_runners", "kongflow_job_running"),
        ("expired_runners", "kongflow_runner_alive"),
        ("live_runners", "kongflow_runner_alive"),
        ("move_to_queue", "kongflow_job_blocked_by_pattern"),
        ("counted_starts", "kongflow_start_window"),
        ("prune_starts", "kongflow_start_forget"),
        ("any_unrouted", "kongflow_job_unrouted"),
        ("promote_due", "kongflow_job_due"),
        ("next_due", "kongflow_job_due"),
        ("unrouted_jobs", "kongflow_job_unrouted"),
        ("held_jobs", "kongflow_job_running"),
        ("held_leases", "kongflow_job_running"),
        ("jobs_of_tasks", "kongflow_job_unrouted"),
        ("jobs_of_tasks", "kongflow_job_task"),
        ("jobs_of_tasks", "kongflow_job_ready_kind"),
        ("asked_to_cancel", "kongflow_job_running"),
        ("key_waiting", "kongflow_job_key"),
        ("key_claimed", "kongflow_job_claimed_key"),
        ("prune_history", "kongflow_history_purge"),
        ("blocked_lanes", "kongflow_job_blocked"),
    ],
)
def test_a_statement_goes_by_its_index(connection: sqlite3.Connection, name: str, index: str) -> None:
    assert any(f"USING INDEX {index}" in step or f"COVERING INDEX {index}" in step for step in plan(connection, name))


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_a_statement_says_what_it_is_for_who_calls_it_and_what_it_locks(name: str) -> None:
    head = " ".join(re.findall(r"^-- ?(.*)$", STATEMENTS[name], re.MULTILINE))
    for word in ("Purpose: ", "Caller: ", "Locks: "):
        assert word in head
