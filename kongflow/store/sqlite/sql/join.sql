-- Purpose: register a runner, under a random id: a file that was put back to an older state gives none twice.
-- Caller: join. Locks: nothing beyond the transaction.
insert into kongflow_runner (id, host, pid, config, queues, tasks, forbidden_flags, lease, boot, seen_mono, seen_at,
    alive, ticks)
values (random() & 9223372036854775807, :host, :pid, :config, :queues, :tasks, :forbidden_flags, :lease, :boot, :mono,
    :now, 1, :ticks)
returning id
