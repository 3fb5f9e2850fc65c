-- Purpose: move a waiting job between ready and blocked. Caller: normalise. Locks: nothing beyond the transaction.
update kongflow_job set state = :state where id = :id
