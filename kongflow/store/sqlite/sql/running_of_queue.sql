-- Purpose: count the leases of one queue. Caller: normalise. Locks: nothing.
select count(*) from kongflow_job where queue = :queue and queue is not null and state = 4
