-- Purpose: read the ready jobs of one queue and kind, best first; the caller stops when it has enough. Caller: claim,
-- normalise. Locks: nothing.
select id, task, flags, queue, crashes, attempt, max_attempts, priority, run_at from kongflow_job
where state = 2 and queue = :queue and queue is not null and kind = :kind
order by priority, run_at, id
