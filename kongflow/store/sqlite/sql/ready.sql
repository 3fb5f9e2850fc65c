-- Purpose: read the ready jobs, best first; the caller stops when it has enough. Caller: claim, settle. Locks: nothing.
select id, task, flags, queue, crashes, attempt, max_attempts, priority, run_at from kongflow_job
where state = 2
order by priority, run_at, id
