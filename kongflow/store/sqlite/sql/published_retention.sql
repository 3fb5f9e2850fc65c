-- Purpose: read how long finished jobs are kept, as the config that came last says. Caller: cancel, dequeue, bury.
-- Locks: nothing.
select retention from kongflow_config order by came desc limit 1
