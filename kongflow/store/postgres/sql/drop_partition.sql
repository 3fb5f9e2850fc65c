-- Purpose: drop a partition of the history whose days are over. Caller: prune. Locks: see functions/drop_partition.sql.
select kongflow.drop_partition(cast(:latest as timestamptz), cast(:shift as interval))
