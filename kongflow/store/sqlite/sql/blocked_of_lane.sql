-- Purpose: read the jobs of one kind that wait in one lane, best first; the caller stops when it has enough.
-- Caller: normalise. Locks: nothing.
select priority, run_at, id, state, task, flags, queue from kongflow_job
where state = 3 and lane = :lane and kind = :kind
order by priority, run_at, id
