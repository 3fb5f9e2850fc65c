"""A job context for tests that call a handler directly: it keeps what the handler does with it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from catalog.app.database import begin


@dataclass
class FakeTransaction:
    connection: AsyncConnection
    enqueue: Any
    value: Any = None

    def result(self, value: Any) -> None:
        self.value = value


@dataclass
class FakeJob:
    """`results` and `enqueued` are filled when the transaction commits, as in the real one."""

    id: str = "17"
    created_at: datetime = datetime(2026, 1, 31, 12, 5, tzinfo=UTC)
    secrets: dict[str, str] = field(default_factory=lambda: {"smtp_password": ""})
    results: list[Any] = field(default_factory=list)
    enqueued: list[tuple[str, Any, dict[str, Any]]] = field(default_factory=list)
    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("tests.catalog"))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[FakeTransaction]:
        async with begin() as session:
            transaction = FakeTransaction(await session.connection(), self.enqueue)
            yield transaction
        self.results.append(transaction.value)

    async def enqueue(self, task: str, payload: Any = None, **options: Any) -> None:
        self.enqueued.append((task, payload, options))
