-- Purpose: write a slot that is decided about now; no row where it was before. Caller: fire.
-- Locks: nothing beyond the transaction.
insert into kongflow_slot (schedule, at, backfilled, outcome, decided_at)
values (:schedule, :at, :backfilled, 'skipped', :now)
on conflict (schedule, at) do nothing
