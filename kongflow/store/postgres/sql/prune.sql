-- Purpose: delete what nobody needs any more. Caller: prune. Locks: see functions/prune.sql.
select kongflow.prune(cast(:limit as integer), cast(:latest as timestamptz), cast(:shift as interval))
