-- Purpose: read one finished job in the order of rows.FIELDS. Caller: dequeue, cancel, await. Locks: nothing.
select id, task, state, queue, priority, payload, run_at, created_at, attempt, max_attempts, claims, crashes, key, tags,
    flags, reason, detail, result, attempts, progress, 0, 0, runner, claimed_at, finished_at, schedule
from kongflow_history
where id = :id
