-- Purpose: write that a runner that takes jobs is alive, where its last renewal is not fresh: what it takes now must
-- not be called lost for what it missed before. Caller: claim, settle. Locks: nothing beyond the transaction.
update kongflow_runner set boot = :boot, seen_mono = :mono, seen_at = :now
where id = :runner and (boot <> :boot or :mono - seen_mono not between 0 and lease / 2)
