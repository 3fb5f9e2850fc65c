-- Purpose: ask for the cancel of a running job. Caller: cancel. Locks: nothing beyond the transaction.
update kongflow_job set cancel_requested = 1 where id = :id and state = 4
