-- Purpose: read the errors of a job, to add one. Caller: every end with an error. Locks: nothing.
select errors from kongflow_job where id = :id
