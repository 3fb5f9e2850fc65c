-- Purpose: let jobs that wait for a pattern wait for their queue. Caller: join, leave, rescue, pause.
-- Locks: nothing beyond the transaction.
update kongflow_job set lane = queue where queue = :queue and state = 3 and lane <> queue and lane = :lane
