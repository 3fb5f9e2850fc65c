-- Purpose: make a blocked job ready. Caller: normalise. Locks: nothing beyond the transaction.
update kongflow_job set state = 2, lane = null where id = :id
