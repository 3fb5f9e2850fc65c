-- Purpose: find runners that have not renewed for a lease, or in this boot (a clock that went back is another one), and
-- runners that are gone and still hold jobs. Caller: rescue. Locks: nothing.
select id, host || ':' || pid, boot, seen_mono, not alive from kongflow_runner r
where alive and (boot <> :boot or :mono - seen_mono > lease or :mono < seen_mono)
    or not alive and exists (select 1 from kongflow_job j where j.state = 4 and j.runner = r.id)
