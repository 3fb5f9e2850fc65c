-- Purpose: register a runner. Caller: join. Locks: nothing beyond the transaction.
insert into kongflow_runner (host, pid, config, queues, tasks, forbidden_flags, lease, boot, seen_mono, seen_at, alive)
values (:host, :pid, :config, :queues, :tasks, :forbidden_flags, :lease, :boot, :mono, :now, 1)
returning id
