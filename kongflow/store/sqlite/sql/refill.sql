-- Purpose: say whether jobs of a lane waited for its rate limit. Caller: normalise. Locks: nothing.
select 1 from kongflow_refill where lane = :lane
