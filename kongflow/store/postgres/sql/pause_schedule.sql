-- Purpose: pause a schedule. Caller: pause. Locks: see functions/pause_schedule.sql.
select kongflow.pause_schedule(cast(:name as text), cast(:reason as text), cast(:author as text),
    cast(:shift as interval))
