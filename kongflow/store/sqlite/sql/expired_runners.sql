-- Purpose: find runners that have not renewed for a lease, or in this boot (a clock that went back is another one), and
-- runners that are gone and still hold jobs. Rows of those that are gone stay for a week, perhaps a hundred thousand,
-- so it jumps from one runner that holds jobs to the next. Caller: rescue, claim. Locks: nothing.
with recursive holds (runner) as (
    select (select runner from kongflow_job where state = 4 order by runner limit 1)
    union all
    select (select runner from kongflow_job where state = 4 and runner > holds.runner order by runner limit 1)
    from holds where holds.runner is not null
)
select id, host || ':' || pid, boot, seen_mono, false from kongflow_runner
where alive and (boot <> :boot or :mono - seen_mono > lease or :mono < seen_mono)
union all
select id, host || ':' || pid, boot, seen_mono, true
from holds cross join kongflow_runner r on r.id = holds.runner
where not r.alive
