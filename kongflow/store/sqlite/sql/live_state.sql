-- Purpose: read the state and queue of a live job. Caller: retry, delete. Locks: nothing.
select state, queue from kongflow_job where id = :id
