-- Purpose: unregister a runner; its row stays, so that its jobs can be traced. Caller: leave.
-- Locks: nothing beyond the transaction.
update kongflow_runner set alive = 0, has_left = 1 where id = :runner and not has_left
