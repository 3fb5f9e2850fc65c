-- Purpose: count the jobs of a queue that wait for a slot of the pattern, and hold one of the queue. Caller: normalise.
-- Locks: nothing.
select count(*) from kongflow_job where queue = :queue and state = 3 and lane <> queue
