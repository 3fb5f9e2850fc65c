-- Purpose: a noted queue has been looked at. Caller: claim, repair. Locks: nothing beyond the transaction.
delete from kongflow_queue_check where queue = :queue
