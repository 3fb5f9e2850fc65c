-- Purpose: read the time. Caller: now. Locks: nothing.
select date_trunc('milliseconds', clock_timestamp() + cast(:shift as interval))
