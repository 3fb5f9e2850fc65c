-- Purpose: keep a running job's progress, if the lease still holds. Caller: progress. Locks: nothing beyond it.
update kongflow_job set progress = :value where id = :id and lease = :lease and state = 4
