"""The bugs of a runner that the suite must catch: how it keeps its lease, hands jobs over, and writes their ends."""

from tests.mutants.mutant import Change, Mutant

OUTAGES = ("tests/engine/test_outages.py",)
HAND_OVER = ("tests/engine/test_hand_over.py",)
SETTLER = ("tests/engine/test_settler.py",)
POSTGRES_SQL, SQLITE_SQL = "store/postgres/sql/", "store/sqlite/sql/"

RUNNER_MUTANTS = [
    # --- its lease ---
    Mutant(
        "a worker that cannot renew lets its jobs run on",
        OUTAGES,
        shared=(Change("engine/shift.py", "self.worker.release_all()", "pass"),),
    ),
    Mutant(
        "a lease counts from the answer to its renewal",
        ("tests/engine/test_heartbeat.py",),
        shared=(Change("engine/heartbeat.py", "self._lease.renewed(sent)", "self._lease.renewed(time.monotonic())"),),
    ),
    Mutant(
        "a worker that cannot renew claims on",
        OUTAGES,
        shared=(Change("engine/worker.py", "if not self._crew.lease.holds:", "if False:"),),
    ),
    Mutant(
        "a worker that cannot renew starts what comes late and asks for more",
        OUTAGES,
        shared=(Change("engine/worker.py", " and self._crew.lease.holds", ""),),
    ),
    # --- cancels ---
    Mutant(
        "a running job hears of a cancel only when others do",
        ("tests/engine/test_cancels.py",),
        shared=(Change("engine/cancels.py", "worker.cancel(await store.asked_to_cancel(runner))", "pass"),),
    ),
    Mutant(
        "a cancel ends all jobs of a runner",
        ("tests/store/contract/test_operating.py",),
        sqlite=(Change(SQLITE_SQL + "asked_to_cancel.sql", " and cancel_requested", ""),),
        postgres=(Change(POSTGRES_SQL + "asked_to_cancel.sql", " and cancel_requested", ""),),
    ),
    # --- a stop ---
    Mutant(
        "a stop throws away what is put aside",
        ("tests/engine/test_damaged_jobs.py",),
        shared=(
            Change(
                "engine/settler.py",
                "self._due += [suspect for suspect in self._suspects if suspect.is_aside]",
                "pass",
            ),
        ),
    ),
    Mutant(
        "an end that a stop has written is tried again",
        ("tests/engine/test_ends_put_aside.py",),
        shared=(Change("engine/settler.py", ") in self._suspects:", "):"),),
    ),
    # --- hand-overs ---
    Mutant(
        "a job that is handed over while the runner stops is forgotten",
        HAND_OVER,
        shared=(
            Change(
                "engine/worker.py",
                "        else:\n            self._give_back(job.id, job.lease)",
                "        else:\n            pass",
            ),
        ),
    ),
    Mutant(
        "hand-overs go on for ever",
        HAND_OVER,
        shared=(Change("engine/worker.py", "ended.chain + 1)", "0)"),),
    ),
    Mutant(
        "a slot is claimed for that the next job of a queue may need",
        HAND_OVER,
        shared=(Change("engine/worker.py", "owed = self._crew.settler.owed", "owed = 0"),),
    ),
    Mutant(
        "every end of a chain beside another is a reason to claim",
        HAND_OVER,
        shared=(Change("engine/worker.py", "self._reasons > owed or", "self._reasons > 0 or"),),
    ),
    Mutant(
        "a wake-up after a hand-over is not heard",
        HAND_OVER,
        shared=(Change("engine/worker.py", "self._reasons = sent, owed", "self._reasons = sent, 0"),),
    ),
    Mutant(
        "an end that was put aside brings a job along for a slot that is another's",
        SETTLER,
        shared=(
            Change(
                "engine/settler.py", "settlement=replace(ending.settlement, next_of=None)", "written=ending.written"
            ),
        ),
    ),
    # --- what is written ---
    Mutant(
        "one end that cannot be written spoils its batch",
        SETTLER,
        shared=(Change("engine/settler.py", "if len(batch) == 1:", "if True:"),),
    ),
    Mutant(
        "a claim waits for ends that come after it was due",
        SETTLER,
        shared=(
            Change(
                "engine/settler.py",
                "while self._put - len(self._waiting) - len(self._writing) < put:",
                "while self._waiting or self._writing:",
            ),
        ),
    ),
    Mutant(
        "a stop throws away the end of a job that somebody's transaction holds",
        ("tests/engine/test_held_jobs.py",),
        postgres=(
            Change("engine/settler.py", "while self.unwritten or self._due:", "while self._waiting or self._writing:"),
        ),
    ),
    Mutant(
        "jobs that end while the database is silent fail",
        SETTLER,
        shared=(Change("engine/settler.py", "return self._lease.renewed_at > self.asked_at", "return True"),),
    ),
    Mutant(
        "an end that was to blame before ends an outage that it meets",
        SETTLER,
        shared=(Change("engine/settler.py", "if blamed and isinstance(error, StoreError):", "if True:"),),
    ),
    Mutant(
        "a lone end that costs its connection each time keeps its runner from claiming",
        SETTLER,
        shared=(Change("engine/settler.py", "if self._lease.renewed_at > ending.tried_at:", "if False:"),),
    ),
]
