-- Purpose: let the slots of a schedule add nothing. Caller: pause.
-- Locks: nothing beyond the transaction.
insert into kongflow_schedule_pause (name, reason, author, paused_at) values (:name, :reason, :author, :now)
on conflict (name) do update
set reason = excluded.reason, author = excluded.author, paused_at = excluded.paused_at
