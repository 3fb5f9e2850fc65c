-- Purpose: read which of a runner's leases hold. Caller: the heartbeat. Locks: nothing.
select id, lease from kongflow_job where state = 4 and runner = :runner
