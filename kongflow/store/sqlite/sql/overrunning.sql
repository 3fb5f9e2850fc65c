-- Purpose: mark a running job as past its time limit and still going. Caller: overrunning. Locks: nothing beyond it.
update kongflow_job set overrunning = 1 where id = :id and lease = :lease and state = 4
