-- Purpose: find the waiting job of a key that was never claimed. Caller: insert, dequeue, retry, route. Locks: nothing.
select id, queue, run_at, ready_at from kongflow_job where job_key = :key and job_key is not null and state > 0
