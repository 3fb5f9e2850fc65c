-- Purpose: make scheduled jobs ready whose time has come, a bounded number. Caller: claim.
-- Locks: nothing beyond the transaction.
update kongflow_job set state = 2
where id in (select id from kongflow_job where state = 1 and run_at <= :now order by run_at, id limit :limit)
