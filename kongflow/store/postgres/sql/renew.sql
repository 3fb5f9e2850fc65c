-- Purpose: renew a runner and read its leases. Caller: the heartbeat. Locks: see functions/renew.sql.
select id, lease, cancel_requested from kongflow.renew(cast(:runner as bigint), cast(:shift as interval))
