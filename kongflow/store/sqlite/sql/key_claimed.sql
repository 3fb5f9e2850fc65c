-- Purpose: find the jobs of a key that were claimed before and run or wait, newest first. Caller: insert, dequeue,
-- retry, route. Locks: nothing.
select id, state, queue from kongflow_job where claimed_key = :key and claimed_key is not null order by id desc
