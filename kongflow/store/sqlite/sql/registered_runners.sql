-- Purpose: read the runners that have not left, and how many jobs each runs. Caller: runners. Locks: nothing.
select id, host, pid, queues, tasks, forbidden_flags, config, lease, boot, seen_mono, seen_at, alive,
    (select count(*) from kongflow_job j where j.state = 4 and j.runner = r.id), ticks
from kongflow_runner r
where not has_left
order by host, pid, seen_at, id
