-- Purpose: delete finished jobs whose retention has passed, a bounded number. Caller: prune.
-- Locks: nothing beyond the transaction.
delete from kongflow_history
where id in (select id from kongflow_history where purge_at <= :now order by purge_at limit :limit)
