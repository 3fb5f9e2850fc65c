-- Purpose: find runners that are perhaps lost, and read the server's time; one row without a runner where there is
-- none. Caller: rescue. Locks: nothing.
select clock_timestamp(), lost.id, lost.host || ':' || lost.pid, lost.seen_at, lost.alive,
    extract(epoch from lost.lease)::double precision
from (values (1)) as always
left join kongflow.lost_runners(clock_timestamp() + cast(:shift as interval)) as lost on true
