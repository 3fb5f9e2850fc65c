-- Purpose: bring back a runner that was declared dead and is not. Caller: the heartbeat, claim.
-- Locks: nothing beyond the transaction.
update kongflow_runner set alive = 1, boot = :boot, seen_mono = :mono, seen_at = :now where id = :runner
    and not has_left
