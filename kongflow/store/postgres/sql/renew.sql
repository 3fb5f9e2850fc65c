-- Purpose: renew a runner, read its leases and the server's time. Caller: the heartbeat. Locks: see
-- functions/renew.sql.
select id, lease, server_time from kongflow.renew(cast(:runner as bigint), cast(:shift as interval))
