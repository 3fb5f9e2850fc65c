-- Purpose: find the newest unrouted job whose insert gave a key. Caller: dequeue. Locks: nothing.
select max(id) from kongflow_job where job_key = :key and job_key is not null and state = 0 having max(id) is not null
