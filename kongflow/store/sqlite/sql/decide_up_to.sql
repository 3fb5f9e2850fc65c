-- Purpose: write up to when the slots of a schedule are decided about. Caller: fire, resume.
-- Locks: nothing beyond the transaction.
update kongflow_schedule set timing = coalesce(:timing, timing), decided_up_to = :up_to where name = :name
