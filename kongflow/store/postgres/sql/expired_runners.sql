-- Purpose: find runners that have not renewed for a lease, in a server that has run for as long, and runners that are gone
-- and still hold jobs. Caller: rescue. Locks: nothing.
select id, host || ':' || pid, seen_at, alive from kongflow.runner r
where alive and clock_timestamp() + cast(:shift as interval) > greatest(seen_at, pg_postmaster_start_time()) + lease
    or not alive and exists (select from kongflow.job j where j.state = 4 and j.runner = r.id)
order by id
