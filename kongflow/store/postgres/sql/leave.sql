-- Purpose: unregister a runner. Caller: leave. Locks: see functions/leave.sql.
select kongflow.leave(cast(:runner as bigint))
