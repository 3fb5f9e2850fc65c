-- Purpose: cancel a job, or ask for it. Caller: cancel. Locks: see functions/cancel.sql.
select * from kongflow.cancel(cast(:id as bigint), cast(:shift as interval))
