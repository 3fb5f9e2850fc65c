-- Purpose: let a waiting job start at another time. Caller: reschedule, run_now. Locks: see functions/reschedule.sql.
select kongflow.reschedule(cast(:id as bigint), cast(:run_at as timestamptz), cast(:delay as double precision),
    cast(:shift as interval))
