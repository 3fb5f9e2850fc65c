-- Purpose: read the blocked jobs of one queue, best first; the caller stops when it has enough. Caller: normalise.
-- Locks: nothing.
select priority, run_at, id, state, task, flags from kongflow_job
where queue = :queue and queue is not null and state = 3
order by priority, run_at, id
