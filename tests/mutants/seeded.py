"""The bugs that the suite must catch: each breaks one promise, on each store that keeps it in its own words."""

from tests.mutants.mutant import Change, Mutant
from tests.mutants.seeded_faults import FAULT_MUTANTS
from tests.mutants.seeded_plan import PLAN_MUTANTS
from tests.mutants.seeded_runner import RUNNER_MUTANTS
from tests.mutants.seeded_schedules import SCHEDULE_MUTANTS

CONTRACT = "tests/store/contract/"
FENCES = (CONTRACT + "test_fences.py",)
RESCUE = (CONTRACT + "test_rescue.py",)
ATTEMPTS = (CONTRACT + "test_attempts.py",)
ORDER = (CONTRACT + "test_claim_order.py",)
LIMITS = (CONTRACT + "test_queue_limits.py",)
SLOTS = (CONTRACT + "test_free_slots.py",)
HAND_OVER = (CONTRACT + "test_hand_over.py",)
KEYS = (CONTRACT + "test_keys.py", CONTRACT + "test_key_matrix.py")
OPERATING = (CONTRACT + "test_operating.py",)
FUNCTIONS, POSTGRES_SQL, SQLITE_SQL = "store/postgres/functions/", "store/postgres/sql/", "store/sqlite/sql/"

MUTANTS = [
    *FAULT_MUTANTS,
    *RUNNER_MUTANTS,
    *SCHEDULE_MUTANTS,
    *PLAN_MUTANTS,
    # --- leases ---
    Mutant(
        "settle accepts a stale lease",
        FENCES,
        sqlite=(
            Change(SQLITE_SQL + "finish_job.sql", "lease = :lease and state = 4", "state = 4"),
            Change(SQLITE_SQL + "finish_jobs.sql", "lease in (select value from json_each(:leases)) and ", ""),
            Change(SQLITE_SQL + "running_job.sql", "lease = :lease and ", ""),
            Change(SQLITE_SQL + "run_again.sql", "lease = :lease and ", ""),
        ),
        postgres=(
            Change(FUNCTIONS + "end_attempts.sql", "j.lease = e.lease", "true"),
            Change(FUNCTIONS + "finish_attempts.sql", "j.lease = e.lease", "true"),
            Change(FUNCTIONS + "finish_attempts.sql", "j.lease = judged.lease", "true"),
        ),
    ),
    Mutant(
        "a heartbeat does not tell what was lost",
        FENCES,
        sqlite=(Change("store/sqlite/heartbeat.py", "if lease not in held)", "if False)"),),
        postgres=(Change("store/postgres/heartbeat.py", "if lease not in held)", "if False)"),),
    ),
    Mutant(
        "progress accepts a stale lease",
        FENCES,
        sqlite=(Change(SQLITE_SQL + "progress.sql", "lease = :lease and ", ""),),
        postgres=(Change(POSTGRES_SQL + "progress.sql", " and lease = cast(:lease as bigint)", ""),),
    ),
    Mutant(
        "a job's transaction commits without its lease",
        ("tests/engine/test_lost_leases.py",),
        shared=(Change("engine/completion.py", "if settled.lost:", "if False:"),),
    ),
    Mutant(
        "a claim whose answer was lost is never given back",
        FENCES,
        sqlite=(Change("store/sqlite/heartbeat.py", "if lease not in leases)", "if False)"),),
        postgres=(Change("store/postgres/heartbeat.py", "if lease not in leases)", "if False)"),),
    ),
    Mutant(
        "a token can be told from the job and its claims",
        (CONTRACT + "test_older_state.py",),
        sqlite=(Change(SQLITE_SQL + "lease_jobs.sql", "random() & 9223372036854775807", "1000 * id + claims"),),
        postgres=(
            Change(FUNCTIONS + "lease_jobs.sql", "(select kongflow.draw_number()) + picked.n", "1000 * j.id + claims"),
        ),
    ),
    # --- attempts ---
    Mutant(
        "an attempt counts twice",
        ATTEMPTS,
        sqlite=(Change(SQLITE_SQL + "lease_jobs.sql", "attempt = attempt + 1", "attempt = attempt + 2"),),
        postgres=(Change(FUNCTIONS + "lease_jobs.sql", "attempt = attempt + 1", "attempt = attempt + 2"),),
    ),
    Mutant(
        "a release uses up an attempt",
        ATTEMPTS,
        sqlite=(Change(SQLITE_SQL + "run_again.sql", "attempt - :gives_back", "attempt"),),
        postgres=(Change(FUNCTIONS + "end_attempts.sql", " - e.gives_back::integer", ""),),
    ),
    Mutant(
        "a retry does not wait for its delay",
        ATTEMPTS,
        sqlite=(Change(SQLITE_SQL + "promote_due.sql", " and run_at <= :now", ""),),
        postgres=(Change(FUNCTIONS + "promote_due.sql", " and run_at <= p_now", ""),),
    ),
    Mutant(
        "a crash is not counted",
        RESCUE,
        sqlite=(Change(SQLITE_SQL + "run_again.sql", "crashes + :crashes", "crashes"),),
        postgres=(Change(FUNCTIONS + "end_attempts.sql", " + e.crashed::integer", ""),),
    ),
    Mutant(
        "the crash limit is one too high",
        RESCUE,
        shared=(Change("core/outcome.py", "if crashes + 1 >= crash_limit", "if crashes >= crash_limit"),),
    ),
    Mutant(
        "one look is enough to call a runner dead",
        RESCUE,
        shared=(Change("store/suspects.py", "return False", "return True"),),
    ),
    Mutant(
        "a runner that renews between two looks is dead all the same",
        RESCUE,
        shared=(Change("store/suspects.py", "known is None or known[0] != seen", "known is None"),),
    ),
    Mutant(
        "a runner that came back during its rescue loses what it has claimed since",
        ("tests/store/postgres/test_rescue_races.py",),
        postgres=(Change(FUNCTIONS + "settle.sql", "id = p_dead and alive", "id = p_dead and false"),),
    ),
    Mutant(
        "a runner that renews while it is called dead is dead all the same",
        ("tests/store/postgres/test_rescue_races.py",),
        postgres=(Change(FUNCTIONS + "declare_dead.sql", " and seen_at = p_seen_at", ""),),
    ),
    Mutant(
        "what missed its renewals during an outage is rescued at once",
        ("tests/engine/test_heartbeat.py",),
        shared=(Change("engine/heartbeat.py", "self._settings.lease if self._was_away else 0.0", "0.0"),),
    ),
    Mutant(
        "a newcomer calls runners dead that had no time to renew since it came",
        ("tests/store/postgres/test_clock.py",),
        postgres=(
            Change("store/postgres/clock.py", "_steady_since = math.inf", "_steady_since = -math.inf"),
            Change(
                "store/postgres/clock.py",
                "if before is None or least > before[1] + TOLERANCE or most < before[0] - TOLERANCE:",
                "if before and (least > before[1] + TOLERANCE or most < before[0] - TOLERANCE):",
            ),
        ),
    ),
    Mutant(
        "a renewal copies a descriptor, and so fails where none is left",
        ("tests/store/postgres/test_connections.py",),
        postgres=(
            Change(
                "store/postgres/patience.py",
                "self._deadline = time.monotonic() + patience",
                "self._deadline = time.monotonic() + patience\n        socket.fromfd(self.fileno(), 1, 1).close()",
            ),
        ),
    ),
    # --- queues ---
    Mutant(
        "a queue's limit is one too high",
        LIMITS,
        sqlite=(Change("store/sqlite/roster.py", "else rule.slots\n", "else (rule.slots or 0) + 1\n"),),
        postgres=(
            Change(FUNCTIONS + "limits_of.sql", "then rule.concurrency else", "then rule.concurrency + 1 else 1 +"),
        ),
    ),
    Mutant(
        "a settle does not hand its slot on",
        LIMITS,
        sqlite=(Change("store/sqlite/access.py", "if tx.touched:", "if False:"),),
        postgres=(
            Change(
                FUNCTIONS + "settle.sql",
                "v_handed := kongflow.free_slots(v_queues, p_next_of, p_runner, v_now)",
                "v_handed := '{}'",
            ),
        ),
    ),
    Mutant(
        "a removed task at the head holds its queue up",
        SLOTS,
        sqlite=(
            Change("store/sqlite/roster.py", "return any(self._serves(", "return True or any(self._serves("),
            Change("store/sqlite/roster.py", "self._kinds[kind] = any(", "self._kinds[kind] = True or any("),
        ),
        postgres=(
            Change(FUNCTIONS + "takeable.sql", "where task = p_task", "where true"),
            Change(FUNCTIONS + "takeable_kind.sql", "where task = p_task", "where true"),
        ),
    ),
    Mutant(
        "jobs that are blocked are not looked at when a runner comes or goes",
        SLOTS,
        sqlite=(Change("store/sqlite/runners.py", "begin_sweep(tx)", "pass"),),
        postgres=(Change(FUNCTIONS + "roster_changed.sql", "perform kongflow.check_blocked_lanes()", "perform 1"),),
    ),
    Mutant(
        "who missed its renewals because the server's clock was set is rescued at once",
        ("tests/store/postgres/test_clock.py",),
        postgres=(Change("store/postgres/rescuing.py", " and access.clock.is_steady(lease)", ""),),
    ),
    Mutant(
        "repair does nothing",
        SLOTS,
        sqlite=(Change("store/sqlite/keeping.py", "roster, lanes)", "roster, ())"),),
        postgres=(Change(FUNCTIONS + "repair.sql", "kongflow.normalise(v_lanes, v_now, true)", "0"),),
    ),
    Mutant(
        "the order ignores the priority",
        ORDER,
        sqlite=(Change(SQLITE_SQL + "ready.sql", "order by priority, ", "order by "),),
        postgres=(Change(FUNCTIONS + "pick.sql", "order by priority, ", "order by "),),
    ),
    Mutant(
        "hundreds of names for others hide a runner's own undeclared queues",
        (CONTRACT + "test_kinds.py",),
        sqlite=(Change("store/sqlite/claiming.py", "joined.names_after = joined.names_reached", "pass"),),
        postgres=(Change("store/postgres/claiming.py", "if reached is None else reached", "and None"),),
    ),
    Mutant(
        "a forbidden flag is no bar",
        ORDER,
        sqlite=(Change("store/sqlite/roster.py", "self.forbidden_flags.isdisjoint(flags)", "True"),),
        postgres=(Change(FUNCTIONS + "pick.sql", "not coalesce(flags && $2, false)", "true"),),
    ),
    Mutant(
        "a pattern's shared limit is one too high",
        (CONTRACT + "test_shared_limits.py",),
        sqlite=(Change("store/sqlite/lanes.py", "max(slots - sum(running), 0)", "max(slots + 1 - sum(running), 0)"),),
        postgres=(Change(FUNCTIONS + "limits_of.sql", "else rule.max_active end", "else rule.max_active + 1 end"),),
    ),
    Mutant(
        "a job that cannot start keeps a slot of its pattern",
        (CONTRACT + "test_free_slots_of_patterns.py",),
        sqlite=(Change("store/sqlite/lanes.py", "if right.blocked", "if False"),),
        postgres=(Change(FUNCTIONS + "best_ready.sql", "v_each is null or ready.place <=", "true or ready.place <="),),
    ),
    Mutant(
        "a sweep begins anew whenever a runner comes",
        SLOTS,
        sqlite=(Change("store/sqlite/sweeping.py", 'under_way[0] if under_way else ""', '""'),),
        postgres=(Change(FUNCTIONS + "check_blocked_lanes.sql", "coalesce(max(lane), '')", "coalesce(max(''), '')"),),
    ),
    Mutant(
        "a rate limit forgets its starts too early",
        (CONTRACT + "test_rate_limits.py",),
        sqlite=(Change("store/sqlite/lanes.py", "after=tx.now - per", "after=tx.now - per // 2"),),
        postgres=(Change(FUNCTIONS + "tokens_left.sql", "secs => p_per) and", "secs => p_per / 2) and"),),
    ),
    Mutant(
        "a paused queue goes on",
        (CONTRACT + "test_paused_queues.py",),
        sqlite=(Change("store/sqlite/roster.py", "queue in self.paused or rule.name in self.paused", "False"),),
        postgres=(
            Change(FUNCTIONS + "limits_of.sql", "lanes.name, rule.name)) then 0", "lanes.name, rule.name)) then 9"),
        ),
    ),
    Mutant(
        "what is handed over passes a better job by",
        HAND_OVER,
        sqlite=(
            Change(
                "store/sqlite/handing.py",
                "                break\n            picked.append",
                "                continue\n            picked.append",
            ),
            Change(
                "store/sqlite/handing.py", "or crashes:\n                break", "or crashes:\n                continue"
            ),
        ),
        postgres=(Change(FUNCTIONS + "next_for.sql", "(v_first.id is null or", "(true or"),),
    ),
    Mutant(
        "what is handed over keeps no limit but its queue's",
        HAND_OVER,
        sqlite=(Change("store/sqlite/handing.py", "roster.limits(queue) != _SERIAL", "False"),),
        postgres=(
            Change(
                FUNCTIONS + "next_for.sql",
                "limits.slots = 1 and limits.pattern is null and limits.rate_limit is null",
                "true",
            ),
        ),
    ),
    Mutant(
        "a queue whose job is handed over counts one too few",
        HAND_OVER,
        postgres=(
            Change(FUNCTIONS + "free_slots.sql", "where lane <> all (array(", "where true or lane <> all (array("),
        ),
    ),
    # --- keys and cancels ---
    Mutant(
        "a claim leaves its key to producers",
        KEYS,
        sqlite=(Change(SQLITE_SQL + "lease_jobs.sql", " job_key = null,", ""),),
        postgres=(Change(FUNCTIONS + "lease_jobs.sql", "job_key = null, ", ""),),
    ),
    Mutant(
        "a superseded job goes on",
        KEYS,
        sqlite=(Change(SQLITE_SQL + "running_job.sql", "n.id > j.id", "n.id < 0"),),
        postgres=(Change(FUNCTIONS + "finish_attempts.sql", "w.id > j.id", "w.id < 0"),),
    ),
    Mutant(
        "a failure wins over a requested cancel",
        OPERATING,
        sqlite=(Change("store/sqlite/settling.py", "bool(cancel_requested)", "False"),),
        postgres=(Change(FUNCTIONS + "finish_attempts.sql", "when j.cancel_requested then 2", "when false then 2"),),
    ),
    # --- what has ended ---
    Mutant(
        "a partition of the history goes before its last day is over",
        ("tests/store/postgres/test_partitions.py",),
        postgres=(Change(FUNCTIONS + "drop_partition.sql", "where until <= ", "where since <= "),),
    ),
    Mutant(
        "a finished job that found no partition stays for ever",
        ("tests/store/postgres/test_partitions.py",),
        postgres=(Change(FUNCTIONS + "prune.sql", "case when not v_is_default then", "case when true then"),),
    ),
    Mutant(
        "a server's clock that is set ahead costs the history",
        ("tests/store/postgres/test_partitions.py",),
        postgres=(Change(FUNCTIONS + "drop_partition.sql", "least(clock_timestamp(), p_latest)", "clock_timestamp()"),),
    ),
    Mutant(
        "a host's clock that is set ahead costs the history",
        ("tests/store/sqlite/test_clock.py",),
        sqlite=(Change("store/sqlite/keeping.py", "min(tx.now, latest)", "tx.now"),),
    ),
    Mutant(
        "of many attempts the first are forgotten",
        (CONTRACT + "test_ended_attempts.py",),
        sqlite=(
            Change(SQLITE_SQL + "run_again.sql", "json_remove(attempts, '$[5]')", "json_remove(attempts, '$[0]')"),
        ),
        postgres=(Change(FUNCTIONS + "with_attempt.sql", "p_attempts - 5", "p_attempts - 0"),),
    ),
    Mutant(
        "a job that ends keeps no attempt but its last",
        (CONTRACT + "test_ended_attempts.py",),
        sqlite=(
            Change(
                SQLITE_SQL + "finish_to_history.sql", "then j.attempts else coalesce(", "then null else coalesce(null, "
            ),
        ),
        postgres=(Change(FUNCTIONS + "finish_attempts.sql", "with_attempt(attempts, ", "with_attempt(null, "),),
    ),
    # --- processes, and how things stand ---
    Mutant(
        "a process that died is not replaced",
        ("tests/engine/test_supervisor.py",),
        shared=(Change("engine/processes/supervisor.py", "place.due = time.monotonic() + wait", "pass"),),
    ),
    Mutant(
        "a queue beyond its max_wait is not told",
        ("tests/engine/test_status.py",),
        shared=(Change("engine/problems.py", "(load.waited or 0.0) <= queue.max_wait", "True"),),
    ),
    # --- payloads, results, wake-ups ---
    Mutant(
        "a payload is not validated when its job runs",
        ("tests/engine/test_straight_line.py",),
        shared=(Change("core/refusals.py", "else task.payload_schema.check_run(payload)", "else payload"),),
    ),
    Mutant(
        "a listener that was cut off does not look at once",
        ("tests/store/postgres/test_wakeups.py",),
        postgres=(Change("store/postgres/wakeups.py", "wake()\n                    pause = 0.0", "pause = 0.0"),),
    ),
    Mutant(
        "statements are prepared behind a pooler",
        ("tests/store/postgres/test_pooler.py",),
        postgres=(Change("store/postgres/address.py", "return None if self.pooled else 5", "return 5"),),
    ),
    Mutant(
        "a transaction behind a pooler has the isolation that the database gives it",
        ("tests/store/postgres/test_pooler.py",),
        postgres=(Change("store/postgres/connections.py", 'b"begin isolation level read committed"', 'b"begin"'),),
    ),
    Mutant(
        "a job that a repeatable read cannot see is not superseded",
        ("tests/store/postgres/test_isolation.py",),
        postgres=(Change(FUNCTIONS + "supersede_older.sql", "<> 'read committed'", "is null"),),
    ),
    Mutant(
        "a user's transaction notifies, and so waits for all others that do",
        ("tests/store/postgres/test_wakeups.py",),
        postgres=(
            Change(
                "store/postgres/store.py",
                "self._commits.announce(connection, self._access.wakeups)",
                'connection.exec_driver_sql(f"notify {self._schema}_jobs")',
            ),
        ),
    ),
]
