-- Purpose: block a ready job in a lane. Caller: normalise, claim. Locks: nothing beyond the transaction.
update kongflow_job set state = 3, lane = :lane where id = :id
