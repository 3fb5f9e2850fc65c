-- Purpose: read which of a runner's leases hold, and whether somebody asked for a cancel. Caller: the heartbeat.
-- Locks: nothing.
select id, lease, cancel_requested from kongflow_job where state = 4 and runner = :runner
