-- Purpose: find when the next scheduled job is due. Caller: next_due. Locks: nothing.
select min(run_at) from kongflow_job where state = 1
