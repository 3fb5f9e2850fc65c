-- Purpose: keep the outcome of a finished job readable for those who wait. Caller: await_outcome.
-- Locks: nothing beyond the transaction.
update kongflow_history set purge_at = finished_at + :millis where id = :id and purge_at < finished_at + :millis
