"""A list by filter goes by an index where the filter names how a job ended, or its key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection

from kongflow.core.job_filter import parse_filter
from kongflow.store import reads
from kongflow.store.records import JobFilter
from kongflow.store.sqlite.tables import tables_of


@pytest.fixture
def connection(migrated_file: Path) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{migrated_file}")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def plan(connection: Connection, filter: str) -> list[str]:
    seen: list[tuple[str, object]] = []

    def note(connection: object, cursor: object, statement: str, parameters: object, *more: object) -> None:
        seen.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    reads.list_jobs(
        connection, tables_of("kongflow"), JobFilter(terms=parse_filter(filter, datetime.now(UTC))), 10, None
    )
    event.remove(connection, "before_cursor_execute", note)
    ((statement, parameters),) = seen
    return [row[3] for row in connection.exec_driver_sql(f"explain query plan {statement}", parameters)]


@pytest.mark.parametrize(
    ("filter", "indexes"),
    [
        ("state:failed", {"kongflow_history_ended"}),
        ("state:failed,cancelled", {"kongflow_history_ended"}),
        (
            "key:k",
            {"kongflow_job_key", "kongflow_job_unrouted_key", "kongflow_job_claimed_key", "kongflow_history_key"},
        ),
    ],
)
def test_a_list_goes_by_its_index(connection: Connection, filter: str, indexes: set[str]) -> None:
    steps = " ".join(plan(connection, filter))
    assert [index for index in indexes if f"{index} " not in f"{steps} "] == []
