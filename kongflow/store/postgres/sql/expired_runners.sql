-- Purpose: find runners that are perhaps lost. Caller: rescue. Locks: nothing.
select id, host || ':' || pid, seen_at, alive from kongflow.lost_runners(clock_timestamp() + cast(:shift as interval))
