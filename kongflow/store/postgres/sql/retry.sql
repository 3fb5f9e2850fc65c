-- Purpose: run a job again. Caller: retry. Locks: see functions/retry.sql.
select * from kongflow.retry(cast(:id as bigint), cast(:payload as text), cast(:shift as interval))
