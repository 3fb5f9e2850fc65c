-- Purpose: list queues whose jobs wait for a slot of a pattern, and which. Caller: join, leave, rescue, pause.
-- Locks: nothing.
select distinct queue, lane from kongflow_job where state = 3 and lane <> queue
