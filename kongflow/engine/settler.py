"""Settler: writes the ends of attempts in batches. What it was given is written, however long the store is away."""

from __future__ import annotations

import asyncio
import math
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
from kongflow.errors import StoreError, StoreForbidden, StoreRefused, StoreTimedOut, StoreUnavailable
from kongflow.store.base import Store
from kongflow.store.records import Settled, Settlement

BATCH = 50
"""Ends that are written together, at most; fewer for a while after a batch that was not taken."""
TRIES = 5
"""How often a single end that is to blame is tried, before a failure is written in its place or it is put aside."""
SUSPECT = 0.25
"""Seconds between two of these tries; the others go on meanwhile, and a deploy, say, may be over by then."""
LATER = 0.2
"""Seconds after which an end is tried again whose job somebody's open transaction holds."""
ASIDE, LONGEST_ASIDE = 30.0, 600.0
"""Seconds after which an end is tried again that is refused whatever it says (the job's row is damaged, say): twice as
many each time.
"""
LINGER = 0.005
"""Seconds in which ends that come together are written together; a claim does not wait for it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """One end to write, and who hears what was written."""

    settlement: Settlement
    written: Callable[[Settled], None]
    tried_at: float = math.inf
    """`time.monotonic()` before it was last tried alone and not taken."""
    tries: int = 0
    """How often it was to blame for that."""

    @property
    def is_aside(self) -> bool:
        """True where the store refuses it whatever it says, as far as its tries can tell."""
        return self.tries >= TRIES


class Settler:
    """Writes endings in batches, and tries again until the store has taken them; suspects alone, after the others."""

    def __init__(self, store: Store, runner: int, lease: Lease, outage: Outage, events: Events) -> None:
        self._store = store
        self._runner = runner
        self._lease = lease
        self._outage = outage
        self._events = events
        self._waiting: list[Ending] = []
        self._writing: list[Ending] = []
        self._suspects: list[Ending] = []
        """Tried alone, now or when their time has come."""
        self._due: list[Ending] = []
        """Suspects whose time has come."""
        self._taken_at = -math.inf
        """`time.monotonic()` before the last ends were sent that the store has taken."""
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
        """How many ends are not written yet, but for those that are put aside."""
        return len(self._waiting) + len(self._writing) + self._later + len(self._suspects) - self.aside

    @property
    def aside(self) -> int:
        """How many ends are put aside: they are refused whatever they say."""
        return sum(ending.is_aside for ending in self._suspects)

    @property
    def owed(self) -> int:
        """How many ends that are not written yet may bring the next job of their queue along, for their slot."""
        return sum(ending.settlement.next_of is not None for ending in (*self._writing, *self._waiting))

    async def catch_up(self) -> None:
        """Return when everything that was put before is written; waits as long as the store is away, but not for an end
        whose job somebody's open transaction holds, for suspects, and for what comes meanwhile.
        """
        put = self._put
        while self._put - len(self._waiting) - len(self._writing) < put:
            await self._next_batch()

    async def flush(self) -> None:
        """Return when nothing is left to write, of what comes meanwhile neither: how long a user's transaction may hold
        an end up, the caller knows. What is put aside is tried once more: it may be mended by now, and whoever
        rescues its job runs it again.
        """
        self._due += [suspect for suspect in self._suspects if suspect.is_aside]
        self._arrived.set()
        while self.unwritten or self._due:
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
            if self._writing:
                await self._write(self._writing)
            self._writing = []
            if self._due and (suspect := self._due.pop(0)) in self._suspects:  # else a flush was earlier
                await self._try_suspect(suspect)
            if not self._waiting and not self._due:
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
                await self._not_taken(batch[0], error)
            else:
                if isinstance(error, StoreError) and not isinstance(error, StoreRefused):
                    await asyncio.sleep(self._outage.failed("settle", error))
                # All of them may be too much for the line, or one is to blame: fewer now, then one more each time.
                self._most = len(batch) // 2
                self._waiting[:0] = batch
        else:
            self._most = min(self._most + 1, BATCH)

    async def _try_suspect(self, suspect: Ending) -> None:
        try:
            await self._persist([suspect])
        except Exception as error:
            await self._not_taken(suspect, error)
        self._suspects.remove(suspect)

    async def _not_taken(self, ending: Ending, error: Exception) -> None:
        """Decide what becomes of an end that was tried alone: it waits for the store, or it is to blame itself."""
        blamed = self._is_to_blame(ending, error)
        tries = ending.tries + blamed
        if not isinstance(error, StoreError):
            tries = max(tries, TRIES)
        tried = replace(ending, tried_at=self.asked_at, tries=tries)
        if isinstance(error, StoreError) and not tries:
            wait = self._outage.failed("settle", error)
            if self._lease.renewed_at > ending.tried_at:
                self._suspect(tried, wait)  # it may be the end: nobody waits for it, and ends that come will tell
            else:
                await asyncio.sleep(wait)
                self._waiting.append(tried)  # behind the others: whether they are taken says whether it is to blame
            return
        if blamed and isinstance(error, StoreError):
            self._outage.worked("settle")  # the store does work, but for this end
        aside = min(ASIDE * 2 ** (tries - TRIES), LONGEST_ASIDE)
        if not tried.is_aside or not blamed:
            self._suspect(tried, aside if tried.is_aside else SUSPECT)
            return
        is_written = await self._fail(tried, error)
        self._tell(tried, error)
        if not is_written:
            self._suspect(tried, aside)

    def _is_to_blame(self, ending: Ending, error: Exception) -> bool:
        """Say whether it seems to be the end itself that is not taken: it was refused, or since its last try other ends
        were taken, or a renewal got through, which says nothing of a line that is lost.
        """
        if isinstance(error, StoreRefused) or not isinstance(error, StoreError) or self._taken_at > ending.tried_at:
            return True
        if isinstance(error, StoreTimedOut):
            # A renewal waits for its answer as long as a settle, or longer: one that was sent before says nothing.
            return self._lease.renewed_at > self.asked_at
        is_of_the_line = isinstance(error, StoreUnavailable) and not isinstance(error, StoreForbidden)
        return not is_of_the_line and self._lease.renewed_at > ending.tried_at

    async def _fail(self, ending: Ending, error: Exception) -> bool:
        """Write a failure in place of an end that the store cannot hold; False where it takes that neither, so that
        what the end says is not to blame. Locks and the like are no reason to fail.
        """
        if isinstance(error, StoreError) and not isinstance(error, (StoreRefused, StoreTimedOut)):
            return False
        kept = AttemptError(type(error).__qualname__, printable(f"the end could not be written: {error}", 1_000))
        end = Finish(JobState.FAILED, Reason.ERROR, error=kept)
        failure = replace(ending.settlement, transition=end, log=NO_LINES, next_of=None)
        try:
            (settled,) = await self._settle([failure])
        except Exception:
            return False
        if not settled.later:
            ending.written(settled)
        return not settled.later

    def _suspect(self, ending: Ending, wait: float) -> None:
        """Try an end again later, alone."""
        suspect = _without_slot(ending)
        self._suspects.append(suspect)
        asyncio.get_running_loop().call_later(wait, self._is_due, suspect)

    def _is_due(self, suspect: Ending) -> None:
        self._due.append(suspect)
        self._arrived.set()

    def _tell(self, ending: Ending, error: Exception) -> None:
        what = f"the end of job {ending.settlement.id}: {type(error).__name__}: {error}"
        self._events.emit(PartFailed("settler", what, ""))

    async def _persist(self, batch: Sequence[Ending]) -> None:
        """Settle a batch in one transaction, and say what was written. Raises: StoreError where nothing was."""
        settled = await self._settle([ending.settlement for ending in batch])
        self._taken_at = self.asked_at
        self._outage.worked("settle")
        for ending, verdict in zip(batch, settled, strict=True):
            if verdict.later:
                self._later += 1
                asyncio.get_running_loop().call_later(LATER, self._put_again, ending)
            else:
                ending.written(verdict)

    async def _settle(self, settlements: Sequence[Settlement]) -> list[Settled]:
        self.asked_at, self.is_asking = time.monotonic(), True
        try:
            return await self._store.settle(self._runner, settlements)
        finally:
            self.is_asking = False

    def _put_again(self, ending: Ending) -> None:
        self._later -= 1
        self.put(_without_slot(ending))


def _without_slot(ending: Ending) -> Ending:
    """Return an end that is tried later: its slot may be another job's by then, and nothing is handed over to it."""
    return replace(ending, settlement=replace(ending.settlement, next_of=None))
