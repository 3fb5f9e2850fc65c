-- Purpose: read attempts of a runner that is gone, a bounded number from an id on, and what ends them; how long each
-- had run when the runner was last seen alive. Caller: rescue. Locks: nothing.
select j.id, j.lease, j.task, j.queue, j.attempt, j.max_attempts, j.crashes,
    extract(epoch from r.seen_at - j.claimed_at)::double precision, r.terms -> j.task
from kongflow.job j join kongflow.runner r on r.id = j.runner
where j.state = 4 and j.runner = cast(:runner as bigint) and j.id + 0 > cast(:after as bigint) and not r.alive
order by j.id + 0
limit cast(:limit as integer)
