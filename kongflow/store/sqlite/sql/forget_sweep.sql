-- Purpose: a part of a sweep is done. Caller: the sweep. Locks: nothing beyond the transaction.
delete from kongflow_sweep where place = :place
