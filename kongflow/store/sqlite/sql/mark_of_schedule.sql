-- Purpose: write of which schedule a job is. Caller: fire.
-- Locks: nothing beyond the transaction.
update kongflow_job set schedule = :schedule where id = :id
