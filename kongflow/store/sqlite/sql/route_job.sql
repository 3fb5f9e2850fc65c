-- Purpose: make an unrouted job a live one with everything that was rendered. Caller: route.
-- Locks: nothing beyond the transaction.
update kongflow_job
set task = :task, state = :state, queue = :queue, rule = :rule, priority = :priority, run_at = :run_at,
    ready_at = :ready_at, max_attempts = :max_attempts, job_key = :key, job_key_mode = null, flags = :flags,
    tags = :tags, payload = :payload
where id = :id and state = 0
