-- Purpose: write that a schedule is seen for the first time; no row where it was seen before. Caller: fire.
-- Locks: nothing beyond the transaction.
insert into kongflow_schedule (name, timing, decided_up_to) values (:name, :timing, :up_to)
on conflict (name) do nothing
