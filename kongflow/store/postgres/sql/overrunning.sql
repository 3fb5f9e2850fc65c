-- Purpose: mark a running job as past its time limit and still going. Caller: overrunning. Locks: the job.
update kongflow.job set overrunning = true where id = cast(:id as bigint) and lease = cast(:lease as bigint)
    and state = 4
