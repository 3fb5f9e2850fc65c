-- Purpose: note that somebody waits for a live job. Caller: await_outcome. Locks: nothing beyond the transaction.
update kongflow_job set awaited = 1 where id = :id
