-- Purpose: read the ready jobs of one queue, best first. Caller: normalise.
-- Locks: nothing.
select priority, run_at, id, state, task, flags from kongflow_job
where queue = :queue and queue is not null and state = 2
order by priority, run_at, id
limit :limit
