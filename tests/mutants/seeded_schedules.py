"""The bugs of schedules that the suite must catch: slots that fire twice, too early, side by side, or not at all."""

from tests.mutants.mutant import Change, Mutant

TIMETABLE = ("tests/store/contract/test_timetable.py",)
OVERLAP = ("tests/store/contract/test_overlap.py",)
SCHEDULER = ("tests/engine/test_scheduler.py",)
DUE = ("tests/core/test_schedule.py",)
FUNCTIONS, POSTGRES_SQL, SQLITE_SQL = "store/postgres/functions/", "store/postgres/sql/", "store/sqlite/sql/"
SQLITE, ENGINE, CORE = "store/sqlite/timetable.py", "engine/scheduler.py", "core/schedule.py"

SCHEDULE_MUTANTS = [
    # --- each slot has one who decides ---
    Mutant(
        "who has seen an older state fires",
        TIMETABLE,
        sqlite=(Change(SQLITE, "(state.timing, state.decided_up_to) != (seen.timing, seen.decided_up_to)", "False"),),
        postgres=(
            Change(FUNCTIONS + "take_schedule.sql", "and timing = p_seen_timing and decided_up_to = p_seen", ""),
        ),
    ),
    Mutant(
        "a slot that was decided about adds a job again",
        TIMETABLE,
        sqlite=(
            Change(SQLITE_SQL + "decide_slot.sql", "do nothing", "do update set decided_at = excluded.decided_at"),
        ),
        postgres=(
            Change(FUNCTIONS + "decide_slot.sql", "do nothing", "do update set decided_at = excluded.decided_at"),
        ),
    ),
    Mutant(
        "a runner whose config is not in force fires",
        TIMETABLE,
        sqlite=(Change(SQLITE, "if not _is_in_force(tx, runner) or firing.read", "if firing.read"),),
        postgres=(
            Change(FUNCTIONS + "take_schedule.sql", "if not kongflow.ticks_now(p_runner) then", "if false then"),
        ),
    ),
    Mutant(
        "a runner whose config is not in force forgets the schedules of the one that is",
        TIMETABLE,
        sqlite=(
            Change(
                SQLITE, "if not _is_in_force(tx, runner):\n                return", "if False:\n                return"
            ),
        ),
        postgres=(
            Change(POSTGRES_SQL + "forget_schedules.sql", " and kongflow.ticks_now(cast(:runner as bigint))", ""),
        ),
    ),
    Mutant(
        "a pause that comes between a look and the firing does not hold",
        TIMETABLE,
        sqlite=(Change(SQLITE, "state.paused and", "False and"),),
        postgres=(
            Change(
                FUNCTIONS + "take_schedule.sql",
                "if exists (select from kongflow.schedule_pause where name = p_schedule)",
                "if false",
            ),
        ),
    ),
    Mutant(
        "the slots of a pause are added when it ends",
        TIMETABLE,
        sqlite=(Change(SQLITE, 'tx.run("decide_up_to", name=name, timing=None, up_to=tx.now)', "pass"),),
        postgres=(
            Change(
                FUNCTIONS + "resume_schedule.sql",
                "set decided_up_to = date_trunc('milliseconds', clock_timestamp() + p_shift)",
                "set decided_up_to = decided_up_to",
            ),
        ),
    ),
    Mutant(
        "a slot that waits outlives its schedule",
        TIMETABLE,
        sqlite=(Change(SQLITE, '_give_up(tx, name, "the schedule was removed while it waited")', "pass"),),
        postgres=(Change(POSTGRES_SQL + "forget_schedules.sql", "slot.at = gone.waiting_slot", "false"),),
    ),
    Mutant(
        "who has left fires",
        TIMETABLE,
        sqlite=(Change(SQLITE_SQL + "ticks_now.sql", " and r.alive and r.ticks", " and r.ticks"),),
        postgres=(Change(FUNCTIONS + "ticks_now.sql", " and r.alive and r.ticks", " and r.ticks"),),
    ),
    # --- overlap ---
    Mutant(
        "a slot does not see the jobs of earlier ones",
        OVERLAP,
        sqlite=(Change(SQLITE, "return unfinished or _surplus(tx, firing.schedule)", "return []"),),
        postgres=(Change(FUNCTIONS + "in_the_way.sql", "return v_unfinished;", "return '{}';"),),
    ),
    Mutant(
        "a job that waits for its retry keeps slots from being added",
        OVERLAP,
        sqlite=(Change(SQLITE_SQL + "unfinished_of_schedule.sql", "attempt > 0", "false"),),
        postgres=(Change(FUNCTIONS + "waiting_for_retry.sql", "attempt > 0", "false"),),
    ),
    Mutant(
        "a job that waits for its retry stays beside the new one",
        OVERLAP,
        sqlite=(Change(SQLITE, "cancel_waiting(tx, earlier, Reason.SUPERSEDED)", "pass"),),
        postgres=(Change(FUNCTIONS + "add_slot_job.sql", "if p_overlap <> 'allow' then", "if false then"),),
    ),
    Mutant(
        "a slot passes a retry that begins at the same moment",
        ("tests/store/postgres/test_slots.py",),
        postgres=(
            Change(
                FUNCTIONS + "decide_slot.sql",
                "kongflow.in_the_way(p_schedule, p_now)",
                "kongflow.unfinished_of(p_schedule)",
            ),
        ),
    ),
    Mutant(
        "a slot that waits does not wait for the end",
        OVERLAP,
        sqlite=(
            Change(
                SQLITE,
                "    if overlap is Overlap.ALLOW or",
                "    if due.waited or overlap is Overlap.ALLOW or",
            ),
        ),
        postgres=(
            Change(
                FUNCTIONS + "decide_slot.sql",
                "elsif p_overlap = 'allow' or",
                "elsif v_waited or p_overlap = 'allow' or",
            ),
        ),
    ),
    # --- which slots are due ---
    Mutant(
        "first sight adds slots of the past",
        SCHEDULER,
        shared=(
            Change(
                ENGINE,
                "seen = await self._fire(schedule, state, Due((), now), now)",
                "seen = await self._fire(schedule, state, due(schedule, now - timedelta(hours=1), now, 9), now)",
            ),
        ),
    ),
    Mutant(
        "a clock that was set back silences schedules until it is there again",
        SCHEDULER,
        shared=(Change(ENGINE, " or state.decided_up_to > now + SET_BACK", ""),),
    ),
    Mutant(
        "another timing makes up what it would have fired",
        SCHEDULER,
        shared=(Change(ENGINE, "state is None or state.timing != schedule.timing.text or", "state is None or"),),
    ),
    Mutant(
        "one schedule that the database refuses stops the others",
        ("tests/engine/test_refused_slots.py",),
        shared=(
            Change(
                ENGINE,
                "except Exception as error:  # whatever it is, it does",
                "except ZeroDivisionError as error:  # it does",
            ),
        ),
    ),
    Mutant(
        "a payload that cannot be made stops the others",
        ("tests/engine/test_refused_slots.py",),
        shared=(
            Change(
                ENGINE,
                "except Exception as error:  # whatever it is, it is",
                "except ZeroDivisionError as error:  # it is",
            ),
        ),
    ),
    Mutant(
        "a slot that begins to wait is looked at with the next slot",
        SCHEDULER,
        shared=(Change(ENGINE, "waits = any(each.outcome is SlotOutcome.WAITING for each in decided) or", "waits ="),),
    ),
    Mutant(
        "a run until idle adds slots",
        ("tests/engine/test_schedules_of_a_runner.py",),
        shared=(
            Change("engine/shift.py", "if not until_idle:\n            # To", "if True:\n            # To"),
            Change("engine/runner.py", "ticks=not until_idle", "ticks=True"),
        ),
    ),
    Mutant(
        "catch-up goes back no further than grace",
        DUE,
        shared=(
            Change(CORE, "oldest = min(on_time, now - timedelta(seconds=schedule.catchup.window))", "oldest = on_time"),
        ),
    ),
    Mutant(
        "catch-up knows no window",
        DUE,
        shared=(Change(CORE, "begin = max(since, oldest - _INSTANT)", "begin = since"),),
    ),
    Mutant(
        "what is made up is not called so",
        DUE,
        shared=(Change(CORE, "backfilled=at < on_time", "backfilled=False"),),
    ),
    Mutant(
        "another payload is no other config",
        ("tests/core/test_catalog.py",),
        shared=(Change(CORE, '"payload": dict(self.payload.source),', ""),),
    ),
]
