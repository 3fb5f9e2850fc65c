-- Purpose: write that a live runner is alive. Caller: the heartbeat. Locks: nothing beyond the transaction.
update kongflow_runner set boot = :boot, seen_mono = :mono, seen_at = :now where id = :runner and alive returning id
