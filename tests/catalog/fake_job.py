"""A job context for tests that call a handler directly: it keeps what the handler does with it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from catalog.app.database import begin


@dataclass
class FakeTransaction:
    connection: AsyncConnection
    enqueued: list[tuple[str, Any, dict[str, Any]]] = field(default_factory=list)
    dequeued: list[str] = field(default_factory=list)
    value: Any = None

    async def enqueue(self, task: str, payload: Any = None, **options: Any) -> SimpleNamespace:
        self.enqueued.append((task, payload, options))
        return SimpleNamespace(run_at=options.get("run_at"), created=True)

    async def dequeue(self, key: str) -> None:
        self.dequeued.append(key)

    def result(self, value: Any) -> None:
        self.value = value


@dataclass
class FakeJob:
    """`results`, `enqueued` and `dequeued` are filled when the transaction commits, as in the real one."""

    id: str = "17"
    created_at: datetime = datetime(2026, 1, 31, 12, 5, tzinfo=UTC)
    secrets: dict[str, str] = field(default_factory=lambda: {"smtp_password": ""})
    results: list[Any] = field(default_factory=list)
    enqueued: list[tuple[str, Any, dict[str, Any]]] = field(default_factory=list)
    dequeued: list[str] = field(default_factory=list)
    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("tests.catalog"))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[FakeTransaction]:
        async with begin() as session:
            transaction = FakeTransaction(await session.connection())
            yield transaction
        self.results.append(transaction.value)
        self.enqueued += transaction.enqueued
        self.dequeued += transaction.dequeued
