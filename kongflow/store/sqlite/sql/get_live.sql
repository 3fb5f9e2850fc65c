-- Purpose: read one live job in the order of rows.FIELDS. Caller: insert, dequeue, cancel, retry. Locks: nothing.
select j.id, j.task, j.state, j.queue, j.priority, j.payload, j.run_at, j.created_at, j.attempt, j.max_attempts,
    j.claims, j.crashes, coalesce(j.job_key, j.claimed_key), j.tags, j.flags, null, null, null, j.attempts, j.progress,
    j.cancel_requested, j.overrunning, r.host || ':' || r.pid, j.claimed_at, null, j.schedule
from kongflow_job j left join kongflow_runner r on r.id = j.runner
where j.id = :id
