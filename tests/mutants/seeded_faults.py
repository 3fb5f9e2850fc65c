"""The bugs that show only where a row, a server or its clock is not as it should be, or somebody is in the way."""

from tests.mutants.mutant import Change, Mutant

CONTRACT = "tests/store/contract/"
FUNCTIONS = "store/postgres/functions/"

FAULT_MUTANTS = [
    Mutant(
        "one lost job that cannot be moved keeps the others of its runner lost",
        (CONTRACT + "test_rescue.py",),
        sqlite=(Change("store/sqlite/runners.py", "except sqlite3.DatabaseError as", "except ZeroDivisionError as"),),
        postgres=(Change("store/postgres/rescuing.py", "if len(rows) == 1:", "if True:"),),
    ),
    Mutant(
        "one lost runner that cannot be rescued keeps the next one lost",
        ("tests/store/postgres/test_rescue_races.py",),
        postgres=(Change("store/postgres/rescuing.py", "failure = failure or error", "raise error"),),
    ),
    Mutant(
        "one job that cannot be claimed stops every claim",
        (CONTRACT + "test_refused_claims.py",),
        sqlite=(Change("store/sqlite/refused.py", 'tx.run("reschedule", ', 'tx.one("promote_job", '),),
        postgres=(
            Change(FUNCTIONS + "set_aside.sql", "perform kongflow.reschedule(v_job.id, null, p_delay", "perform (1"),
        ),
    ),
    Mutant(
        "an end is refused for the next job of its queue",
        (CONTRACT + "test_refused_claims.py",),
        sqlite=(Change("store/sqlite/store.py", "except StoreRefused:", "except ZeroDivisionError:"),),
        postgres=(Change("store/postgres/settling.py", "except StoreRefused:", "except ZeroDivisionError:"),),
    ),
    Mutant(
        "one job by SQL that cannot be routed stops all routing",
        (CONTRACT + "test_routing.py",),
        sqlite=(Change("store/sqlite/routing.py", "except StoreRefused:", "except ZeroDivisionError:"),),
        postgres=(Change("store/postgres/routing.py", "if len(routed) == 1:", "if True:"),),
    ),
    Mutant(
        "where the database lets nobody change a job, all of them fail",
        (CONTRACT + "test_refused_claims.py",),
        sqlite=(Change("store/sqlite/refused.py", "if len(stuck) + len(moved) <", "if 0 <"),),
        postgres=(Change(FUNCTIONS + "set_aside.sql", "if v_accepted then", "if true then"),),
    ),
    Mutant(
        "a lease that was only tried is kept",
        (CONTRACT + "test_refused_claims.py",),
        sqlite=(Change("store/sqlite/refused.py", "[row])\n        raise _Undone", "[row])"),),
        postgres=(
            Change(FUNCTIONS + "set_aside.sql", "raise exception using errcode = 'KF000'", "v_accepted := true"),
        ),
    ),
    Mutant(
        "a job that cannot be moved stops its runner",
        ("tests/store/postgres/test_faults.py",),
        postgres=(Change("store/postgres/faults.py", "return answered or", "return False or"),),
    ),
    Mutant(
        "a connection to a server that can only be read is kept",
        ("tests/store/postgres/test_faults.py",),
        postgres=(Change("store/postgres/connections.py", "errors.ReadOnlySqlTransaction:", "errors.DiskFull:"),),
    ),
    Mutant(
        "a user's connection to a server that can only be read is kept",
        ("tests/store/postgres/test_faults.py",),
        postgres=(Change("store/postgres/user_transactions.py", "context.is_disconnect = True", "pass"),),
    ),
    Mutant(
        "a clock that is set back stops a rate limit until it is there again",
        (CONTRACT + "test_rate_limits.py",),
        sqlite=(Change("store/sqlite/sql/counted_starts.sql", " and at <= :now", ""),),
        postgres=(Change(FUNCTIONS + "tokens_left.sql", " and at <= p_now + interval '10 s'", ""),),
    ),
    Mutant(
        "jobs by SQL whose keys are held take the turn of all others",
        (CONTRACT + "test_routing.py",),
        sqlite=(Change("store/sqlite/routing.py", "after=after", "after=0"),),
        postgres=(Change("store/postgres/routing.py", '"after": self._read_up_to', '"after": 0'),),
    ),
    Mutant(
        "jobs by SQL wait for each key that is held",
        ("tests/store/postgres/test_open_transactions.py",),
        postgres=(Change(FUNCTIONS + "route.sql", "interval '100 ms'", "interval '100 s'"),),
    ),
    Mutant(
        "a repair and a claim of one runner wait for each other",
        ("tests/store/postgres/test_deadlocks.py",),
        postgres=(Change(FUNCTIONS + "look_by_kind.sql", "for update skip locked", "for update"),),
    ),
    Mutant(
        "a step of the server's clock is time that a lost attempt ran",
        ("tests/store/postgres/test_clock.py",),
        postgres=(Change("store/postgres/heartbeat.py", "if step > 0:", "if False:"),),
    ),
    Mutant(
        "jobs of one lost runner that are refused use up the tries of all",
        ("tests/store/contract/test_rescue.py",),
        sqlite=(
            Change(
                "store/sqlite/runners.py",
                "        refusals.look(tx.monotonic)\n        if tx.run(",
                "        if runner == expired[0][0]:\n            refusals.look(tx.monotonic)\n        if tx.run(",
            ),
        ),
        postgres=(
            Change(
                "store/postgres/rescuing.py",
                "        refusals.look(looked)",
                "        if dead == expired[0][0]:\n            refusals.look(looked)",
            ),
        ),
    ),
    Mutant(
        "a lock on a whole table makes lost jobs refused ones",
        ("tests/store/postgres/test_busy_rescues.py",),
        postgres=(
            Change("store/postgres/rescuing.py", "if len(rows) == 1 and isinstance(error, StoreBusy):", "if False:"),
        ),
    ),
    Mutant(
        "the server goes on with what was given up",
        ("tests/store/postgres/test_connections.py",),
        postgres=(Change("store/postgres/giving_up.py", "asking.start()", "pass"),),
    ),
    Mutant(
        "a run until idle does not wait for what a runner held that has left",
        (CONTRACT + "test_looking.py",),
        sqlite=(Change("store/sqlite/sql/pending.sql", "r.alive and r.boot", "r.boot"),),
        postgres=(Change(FUNCTIONS + "pending.sql", "where alive and seen_at", "where seen_at"),),
    ),
]
