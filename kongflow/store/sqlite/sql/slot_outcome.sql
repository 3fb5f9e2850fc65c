-- Purpose: write what became of a slot. Caller: fire, pause.
-- Locks: nothing beyond the transaction.
update kongflow_slot set outcome = :outcome, job = :job, note = :note, decided_at = :now
where schedule = :schedule and at = :at
