-- Purpose: let the slots of a schedule add jobs again; no row where it was not paused. Caller: resume.
-- Locks: nothing beyond the transaction.
delete from kongflow_schedule_pause where name = :name
