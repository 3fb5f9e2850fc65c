-- Purpose: count the leases of every queue. Caller: normalise, for a pattern whose queues share their slots; claim.
-- Locks: nothing.
select queue, count(*) from kongflow_job where state = 4 and queue is not null group by queue
