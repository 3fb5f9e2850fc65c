-- Purpose: publish a config. It comes last, unless a live runner has it already. Caller: join.
-- Locks: nothing beyond the transaction.
insert into kongflow_config (hash, came, queues, retention, declared)
values (:hash, (select coalesce(max(came), 0) + 1 from kongflow_config), :queues, :retention, :declared)
on conflict (hash) do update set
    came = case
        when exists (select 1 from kongflow_runner r where r.alive and r.config = excluded.hash) then came
        else excluded.came
    end,
    queues = excluded.queues,
    retention = excluded.retention,
    declared = excluded.declared
