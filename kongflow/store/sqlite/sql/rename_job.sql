-- Purpose: give a waiting job of a renamed task its new name, to be routed anew. Caller: bury.
-- Locks: nothing beyond the transaction.
update kongflow_job
set task = :task, state = 0, lane = null, job_key = coalesce(job_key, claimed_key), claimed_key = null
where id = :id and state < 4
