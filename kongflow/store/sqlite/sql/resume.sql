-- Purpose: end a pause. Caller: resume. Locks: nothing beyond the transaction.
delete from kongflow_pause where name = :name
