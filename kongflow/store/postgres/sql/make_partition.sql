-- Purpose: make a partition of the history ahead. Caller: prune. Locks: see functions/make_partition.sql.
select kongflow.make_partition(cast(:shift as interval))
