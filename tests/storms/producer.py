"""A producer beside a storm: adds job after job, and remembers which were acknowledged and which nobody knows about."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Callable
from typing import Any

from kongflow.core.catalog import DatabaseSettings
from kongflow.core.job import NewJob
from kongflow.errors import StoreError
from kongflow.store.base import Store
from kongflow.store.open import open_store


class Producer:
    """Adds a job every so many seconds, in a thread of its own, until it is stopped. `payload` is that of a number."""

    def __init__(
        self,
        url: str,
        every: float,
        payload: Callable[[int], dict[str, Any]],
        backlog: int = 0,
        pooler: str = "none",
    ) -> None:
        self.acknowledged: list[int] = []
        self.unknown: list[int] = []
        """Numbers of jobs whose insert ended in an error: the answer may have been lost, or the insert."""
        self._settings = DatabaseSettings(url, pooler=pooler)
        self._every = every
        self._payload = payload
        self._backlog = backlog
        self._ending = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="producer")

    def __enter__(self) -> Producer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            asyncio.run(self._produce())
        except BaseException as error:
            self._error = error

    async def _produce(self) -> None:
        store = open_store(self._settings, 1.0)
        await store.open()
        try:
            for n in itertools.count():
                await self._add(store, n)
                if n >= self._backlog:
                    await asyncio.sleep(self._every)
                if self._ending.is_set():
                    return
        finally:
            await store.close()

    async def _add(self, store: Store, n: int) -> None:
        try:
            await store.insert([NewJob("work", json.dumps({"n": n, **self._payload(n)}))])
        except StoreError:
            self.unknown.append(n)
            await asyncio.sleep(0.2)
        else:
            self.acknowledged.append(n)
