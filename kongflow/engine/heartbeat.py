"""Heartbeat: renews the runner's lease from a thread and a connection of its own, whatever the event loop does. Another
thread watches the loop, whatever a renewal waits for.
"""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kongflow.core.catalog import RunnerSettings
from kongflow.engine.blocking import Blocking
from kongflow.engine.events import Events, RunnerStalled
from kongflow.engine.lease import Lease
from kongflow.engine.outage import FIRST_WAIT, Outage
from kongflow.engine.stall import Stall, all_stacks, end_in
from kongflow.errors import StoreBusy, StoreError, StoreReplaced, StoreUnavailable
from kongflow.store.base import LeaseKeeper
from kongflow.store.records import Renewal

TIME_FOR_LAST_WORDS = 5.0
"""Seconds for writing the stacks of a stalled process, which ends then even if its log cannot be written."""


@dataclass(frozen=True, slots=True)
class Ward:
    """Whom the heartbeat serves. `leases` is called in its thread, the others on the loop."""

    leases: Callable[[], Sequence[int]]
    renewed: Callable[[Renewal], None]
    replaced: Callable[[str], None]
    """The database is not the one that this runner began with: there is nothing more to do here."""


class Heartbeat:
    """Renews every `heartbeat` seconds, and ends the process when its loop stands still."""

    def __init__(
        self,
        keeper: LeaseKeeper,
        lease: Lease,
        settings: RunnerSettings,
        ward: Ward,
        blocking: Blocking,
        outage: Outage,
        events: Events,
    ) -> None:
        self._keeper = keeper
        self._lease = lease
        self._settings = settings
        self._ward = ward
        self._blocking = blocking
        self._outage = outage
        self._events = events
        self._loop = asyncio.get_running_loop()
        self._tick = min(1.0, settings.heartbeat, (settings.stall_limit or 60.0) / 4)
        self._stall = Stall(self._loop, self._tick)
        self._ending = threading.Event()
        self._first = asyncio.Event()
        self._ended = asyncio.Event()
        self._rescues_from = math.inf
        self._was_away = False
        self._threads = (
            threading.Thread(target=self._run, name="kongflow-heartbeat", daemon=True),
            threading.Thread(target=self._watch, name="kongflow-watch", daemon=True),
        )

    async def start(self) -> None:
        """Start the threads and return when the lease is renewed for the first time or could not be."""
        for thread in self._threads:
            thread.start()
        await self._first.wait()

    def stop(self) -> None:
        """Renew no more."""
        self._stall.stop()
        self._ending.set()

    async def stopped(self) -> None:
        """Return when the thread has closed its connection."""
        await self._ended.wait()

    @property
    def may_rescue(self) -> bool:
        """True where the runner has renewed just now, and an outage is over for a whole lease: others renew first."""
        now = time.monotonic()
        recent = now - self._lease.renewed_at < max(2 * self._settings.heartbeat, self._settings.lease / 2)
        return recent and now >= self._rescues_from

    # --- in the thread that watches ---

    def _watch(self) -> None:
        pause = 0.0
        while not self._ending.wait(pause):
            self._look_at_the_loop()
            pause = min(self._blocking.look(), self._tick)

    def _look_at_the_loop(self) -> None:
        limit, blocked = self._settings.stall_limit, self._stall.seconds()
        if limit is None or blocked <= limit or self._ending.is_set():
            return
        end_in(TIME_FOR_LAST_WORDS)
        self._events.emit(RunnerStalled(blocked, all_stacks()))
        os._exit(1)

    # --- in the thread that renews ---

    def _run(self) -> None:
        pause = 0.0
        while not self._ending.wait(pause):
            pause = self._renew()
            self._on_loop(self._first.set)
        self._keeper.close()
        self._on_loop(self._ended.set)

    def _renew(self) -> float:
        """Renew once and return the seconds until the next time."""
        sent = time.monotonic()
        try:
            renewal = self._keeper.renew(self._ward.leases())
        except StoreBusy as error:
            self._lease.locked_out(sent, self._keeper.written())
            self._outage.failed("heartbeat", error)
            return min(FIRST_WAIT, self._settings.heartbeat)
        except StoreReplaced as error:
            self._on_loop(self._ward.replaced, str(error))
            return self._not_renewed(error)
        except Exception as error:
            return self._not_renewed(error)
        if self._was_away or self._rescues_from == math.inf:
            self._rescues_from = time.monotonic() + (self._settings.lease if self._was_away else 0.0)
        self._lease.renewed(sent)
        self._was_away = False
        self._outage.worked("heartbeat")
        if renewal.lost or renewal.unknown:
            self._on_loop(self._ward.renewed, renewal)
        return max(0.0, sent + self._settings.heartbeat - time.monotonic())

    def _not_renewed(self, error: Exception) -> float:
        self._was_away = True
        lost = error if isinstance(error, StoreError) else StoreUnavailable(f"{type(error).__name__}: {error}")
        return self._outage.failed("heartbeat", lost)

    def _on_loop(self, call: Callable[..., object], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            self._ending.set()  # the loop is closed: there is nobody left to renew for
