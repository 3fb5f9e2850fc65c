-- Purpose: take a job that ended out of the live ones; no row back means that the lease was not his.
-- `lease` null: a job that nobody runs. Caller: every end of a job. Locks: nothing beyond the transaction.
delete from kongflow_job
where id = :id and (:lease is null and state < 4 or lease = :lease and state = 4)
returning queue, claimed_key
