-- Purpose: delete a finished job. Caller: delete, retry. Locks: nothing beyond the transaction.
delete from kongflow_history where id = :id
