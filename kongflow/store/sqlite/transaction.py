"""Transaction: what every operation works with, on our own connection as inside a transaction of the user's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from kongflow.store.rows import Row


class Result(Protocol):
    """What sqlite3's cursors and SQLAlchemy's results have in common."""

    @property
    def rowcount(self) -> int:
        """Rows that the statement changed."""
        ...

    def fetchone(self) -> Any:
        """Return the next row or None."""
        ...

    def fetchall(self) -> Any:
        """Return the rows that are left."""
        ...


@dataclass(slots=True)
class Transaction:
    """An open write transaction: named statements, the instant it runs at, and the queues that it touched."""

    execute: Callable[[str, Mapping[str, object]], Any]
    execute_many: Callable[[str, list[dict[str, object]]], object]
    statements: Mapping[str, str]
    now: int
    """Wall clock, milliseconds."""
    monotonic: int
    boot: str
    touched: set[str] = field(default_factory=set)
    """Queues where a slot or a ready job may have gone: to be normalised, or noted, before the end."""

    def run(self, name: str, /, **values: object) -> int:
        """Run a statement and return how many rows it changed."""
        result: Result = self.execute(self.statements[name], values)
        return result.rowcount

    def one(self, name: str, /, **values: object) -> Row | None:
        """Run a statement and return its only row, or None."""
        result: Result = self.execute(self.statements[name], values)
        rows: list[Row] = result.fetchall()  # to the end: only then is a RETURNING carried out
        return rows[0] if rows else None

    def all(self, name: str, /, **values: object) -> list[Row]:
        """Run a statement and return its rows."""
        result: Result = self.execute(self.statements[name], values)
        rows: list[Row] = result.fetchall()
        return rows

    def many(self, name: str, rows: list[dict[str, object]]) -> None:
        """Run a statement once for each row of values."""
        if rows:
            self.execute_many(self.statements[name], rows)

    def reading(self, name: str, /, **values: object) -> closing[Any]:
        """Run a query whose rows are read as far as they are needed; nothing may be written meanwhile."""
        return closing(self.execute(self.statements[name], values))

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Undo what is done within, and nothing else, where it raises."""
        self.execute("savepoint apart", {})
        try:
            yield
        except Exception:
            self.execute("rollback to apart", {})
            raise
        finally:
            self.execute("release apart", {})

    def touch(self, queue: str | None) -> None:
        """Remember a queue whose next job may now be due for a slot."""
        if queue is not None:
            self.touched.add(queue)

    def note_touched(self) -> None:
        """Leave the touched queues to the next claim: for transactions that are not ours to prolong."""
        for queue in sorted(self.touched):
            self.run("check_lane", lane=queue)
        self.touched.clear()
