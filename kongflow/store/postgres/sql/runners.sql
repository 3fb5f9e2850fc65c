-- Purpose: read the registered runners. Caller: runners. Locks: nothing.
select id, host, pid, coalesce(serves, '{*}'), tasks, forbidden_flags, config,
    config = (select value from kongflow.meta where name = 'in_force'),
    (select count(*) from kongflow.job j where j.state = 4 and j.runner = r.id),
    greatest(extract(epoch from clock_timestamp() + cast(:shift as interval) - seen_at), 0)::double precision,
    alive and clock_timestamp() + cast(:shift as interval) <= seen_at + lease, ticks
from kongflow.runner r
where not has_left
order by host, pid, seen_at, id
