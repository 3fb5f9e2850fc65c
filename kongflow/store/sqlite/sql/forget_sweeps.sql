-- Purpose: forget the sweep that is under way, for a new one. Caller: join, leave, rescue, pause. Locks: nothing beyond
-- the transaction.
delete from kongflow_sweep
