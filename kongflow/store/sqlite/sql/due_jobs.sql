-- Purpose: list scheduled jobs whose time has come. Caller: set_aside. Locks: nothing.
select id, task from kongflow_job where state = 1 and run_at <= :now order by run_at, id limit :limit
