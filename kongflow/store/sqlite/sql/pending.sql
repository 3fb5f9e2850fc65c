-- Purpose: count live jobs by what decides who takes them; of running ones by who holds them, 0 where that runner has
-- not renewed for a lease. Caller: pending. Locks: nothing.
select j.state, j.task, j.flags, j.queue,
    case when j.state = 4 then
        case when r.alive and r.boot = :boot and :mono - r.seen_mono between 0 and r.lease then r.id else 0 end
    end,
    j.state = 1 and j.run_at <= :now, count(*)
from kongflow_job j left join kongflow_runner r on j.state = 4 and r.id = j.runner
group by 1, 2, 3, 4, 5, 6
