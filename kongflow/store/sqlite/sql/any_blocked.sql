-- Purpose: say whether any job waits in a lane. Caller: normalise. Locks: nothing.
select 1 from kongflow_job where state = 3 and lane = :lane limit 1
