-- Purpose: make a finished job live again under its id, from attempt 0; its earlier attempts and starts are kept.
-- Caller: retry. Locks: nothing beyond the transaction.
insert into kongflow_job (id, task, state, queue, priority, run_at, ready_at, created_at, max_attempts, job_key, flags,
    tags, claims, payload, attempts, schedule)
select id, task, 2, queue, priority, :now, :now, created_at, max_attempts, key, flags, tags, claims, :payload, attempts,
    schedule
from kongflow_history
where id = :id
