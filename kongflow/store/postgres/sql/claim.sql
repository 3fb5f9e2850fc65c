-- Purpose: lease jobs. Caller: claim. Locks: see functions/claim.sql.
select * from kongflow.claim(cast(:runner as bigint), cast(:limit as integer), cast(:suspects as integer),
    cast(:first as boolean), cast(:after as text[]), cast(:shift as interval))
