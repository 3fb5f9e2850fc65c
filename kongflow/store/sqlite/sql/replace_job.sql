-- Purpose: give the waiting, never claimed job of a key everything that the newer call said. Caller: insert with a key.
-- Locks: nothing beyond the transaction.
update kongflow_job
set task = :task, state = :state, queue = :queue, rule = :rule, lane = null, priority = :priority, run_at = :run_at,
    ready_at = :ready_at, max_attempts = :max_attempts, flags = :flags, tags = :tags, payload = :payload,
    awaited = max(awaited, :awaited), attempt = 0, crashes = 0, attempts = null,
    schedule = null
where id = :id
