-- Purpose: keep a running job's progress, if the lease still holds. Caller: progress. Locks: the job.
update kongflow.job set progress = cast(:value as json)
where id = cast(:id as bigint) and lease = cast(:lease as bigint)
