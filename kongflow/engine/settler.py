"""Settler: writes the ends of attempts in batches. What it was given is written, however long the store is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kongflow.core.attempts import NO_LINES, AttemptError
from kongflow.core.job import JobState, Reason
from kongflow.core.json import printable
from kongflow.core.outcome import Finish
from kongflow.engine.events import Events, PartFailed
from kongflow.engine.lease import Lease
from kongflow.engine.outage import Outage
from kongflow.errors import StoreError, StoreRefused, StoreTimedOut
from kongflow.store.base import Store
from kongflow.store.records import Settled, Settlement

BATCH = 50
"""Ends that are written together, at most; fewer for a while after a batch that was not taken."""
TRIES = 5
"""How often an end is refused, or does not get through, before it is written as a failure. A timeout takes seconds."""
REFUSED = 0.02
"""Seconds between two tries of what the store refuses."""
LATER = 0.2
"""Seconds after which an end is tried again whose job somebody's open transaction holds."""
ASIDE = 30.0
"""Seconds after which an end is tried again that is refused whatever it says: the job's row is damaged, say."""
LINGER = 0.005
"""Seconds in which ends that come together are written together; a claim does not wait for it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """One end to write, and who hears what was written."""

    settlement: Settlement
    written: Callable[[Settled], None]


class Settler:
    """Writes endings, in order and in batches, and tries again until the store has taken them."""

    def __init__(self, store: Store, runner: int, lease: Lease, outage: Outage, events: Events) -> None:
        self._store = store
        self._runner = runner
        self._lease = lease
        self._outage = outage
        self._events = events
        self._waiting: list[Ending] = []
        self._writing: list[Ending] = []
        self._later = 0
        self._put = 0
        """How many ends were put, ever."""
        self._most = BATCH
        self.asked_at = 0.0
        """`time.monotonic()` before the last call of the store: what that hands over was leased later."""
        self.is_asking = False
        """True while a call of the store is under way."""
        self._arrived = asyncio.Event()
        self._hurry = asyncio.Event()
        self._written = asyncio.Event()

    def put(self, ending: Ending) -> None:
        """Write this end soon."""
        self._waiting.append(ending)
        self._put += 1
        self._arrived.set()
        if len(self._waiting) >= BATCH:
            self._hurry.set()

    @property
    def unwritten(self) -> int:
        """How many ends are not written yet, but for those that are refused whatever they say."""
        return len(self._waiting) + len(self._writing) + self._later

    @property
    def owed(self) -> int:
        """How many ends that are not written yet may bring the next job of their queue along, for their slot."""
        return sum(ending.settlement.next_of is not None for ending in (*self._writing, *self._waiting))

    async def catch_up(self) -> None:
        """Return when everything that was put before is written; waits as long as the store is away, but not for an end
        whose job somebody's open transaction holds, and not for what comes meanwhile.
        """
        put = self._put
        while self._put - len(self._waiting) - len(self._writing) < put:
            await self._next_batch()

    async def flush(self) -> None:
        """Return when nothing is left to write, of what comes meanwhile neither: how long a user's transaction may hold
        an end up, the caller knows. What is refused whatever it says is left.
        """
        while self.unwritten:
            await self._next_batch()

    async def _next_batch(self) -> None:
        self._hurry.set()
        self._written.clear()
        await self._written.wait()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._arrived.wait()
            await self._linger()
            self._writing, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            await self._write(self._writing)
            self._writing = []
            if not self._waiting:
                self._arrived.clear()
            self._written.set()

    async def _linger(self) -> None:
        if not self._hurry.is_set():
            try:
                await asyncio.wait_for(self._hurry.wait(), LINGER)
            except TimeoutError:
                pass
        self._hurry.clear()

    async def _write(self, batch: list[Ending]) -> None:
        try:
            await self._persist(batch)
        except Exception as error:
            if len(batch) == 1:
                await self._write_refused(batch[0], error)
            else:
                # All of them may be too much for the line, or one is refused: fewer now, then one more each time.
                self._most = len(batch) // 2
                self._waiting[:0] = batch
        else:
            self._most = min(self._most + 1, BATCH)

    async def _write_refused(self, ending: Ending, error: Exception) -> None:
        """Write an end that the store cannot hold as a failure that it can; put that aside where it cannot either."""
        self._tell(ending, error)
        kept = AttemptError(type(error).__qualname__, printable(f"the end could not be written: {error}", 1_000))
        end = Finish(JobState.FAILED, Reason.ERROR, error=kept)
        refused = replace(ending, settlement=replace(ending.settlement, transition=end, log=NO_LINES))
        try:
            await self._persist([refused])
        except Exception as again:
            self._tell(ending, again)
            # Its slot is another job's by then: nothing is handed over to it.
            aside = replace(refused, settlement=replace(refused.settlement, next_of=None))
            asyncio.get_running_loop().call_later(ASIDE, self.put, aside)

    def _tell(self, ending: Ending, error: Exception) -> None:
        what = f"the end of job {ending.settlement.id}: {type(error).__name__}: {error}"
        self._events.emit(PartFailed("settler", what, ""))

    async def _persist(self, batch: Sequence[Ending]) -> None:
        """Settle a batch in one transaction; for a single end an outage of the store is waited out.

        Raises: StoreError where a batch was not taken, or a single end was to blame for that TRIES times.
        """
        to_blame = 0
        while True:
            try:
                settled = await self._settle(batch)
            except StoreError as error:
                to_blame += self._is_due_to_the_end(error)
                # A refusal is no outage, and it costs the others no time.
                wait = REFUSED if isinstance(error, StoreRefused) else self._outage.failed("settle", error)
                await asyncio.sleep(wait)
                if len(batch) > 1 or to_blame == TRIES:
                    raise
            else:
                self._outage.worked("settle")
                break
        for ending, verdict in zip(batch, settled, strict=True):
            if verdict.later:
                self._later += 1
                asyncio.get_running_loop().call_later(LATER, self._put_again, ending)
            else:
                ending.written(verdict)

    def _is_due_to_the_end(self, error: StoreError) -> bool:
        """Say whether it seems to be the end itself that is not taken: it was refused, or a renewal that was sent later
        got through. That none has failed says nothing: one waits for its answer as long as a settle, or longer.
        """
        if isinstance(error, StoreTimedOut):
            return self._lease.renewed_at > self.asked_at
        return isinstance(error, StoreRefused)

    async def _settle(self, batch: Sequence[Ending]) -> list[Settled]:
        self.asked_at, self.is_asking = time.monotonic(), True
        try:
            return await self._store.settle(self._runner, [ending.settlement for ending in batch])
        finally:
            self.is_asking = False

    def _put_again(self, ending: Ending) -> None:
        """Its slot may be another job's by now: nothing is handed over to it."""
        self._later -= 1
        self.put(replace(ending, settlement=replace(ending.settlement, next_of=None)))
