-- Purpose: forget schedules that a config does not have. Caller: forget.
-- Locks: nothing beyond the transaction.
delete from kongflow_schedule where name not in (select value from json_each(:names))
