-- Purpose: write of which schedule a job that does not run is. Caller: fire.
-- Locks: nothing beyond the transaction.
update kongflow_job set schedule = :schedule where id = :id and state <> 4
