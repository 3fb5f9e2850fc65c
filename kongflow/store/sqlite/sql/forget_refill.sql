-- Purpose: no job of a lane waits for its rate limit any more. Caller: normalise. Locks: nothing beyond the
-- transaction.
delete from kongflow_refill where lane = :lane
