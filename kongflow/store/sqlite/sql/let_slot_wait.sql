-- Purpose: write which slot of a schedule waits; null is none. Caller: fire, pause.
-- Locks: nothing beyond the transaction.
update kongflow_schedule set waiting_slot = :at, waiting_backfilled = :backfilled where name = :schedule
