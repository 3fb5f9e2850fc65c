-- Purpose: make a blocked or scheduled job ready. Caller: normalise, set_aside. Locks: nothing beyond the transaction.
update kongflow_job set state = 2, lane = null where id = :id
