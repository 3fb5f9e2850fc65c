-- Purpose: read when a job that was added by SQL runs, if it is still unrouted. Caller: route. Locks: nothing.
select run_at, created_at from kongflow_job where id = :id and state = 0
