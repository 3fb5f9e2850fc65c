-- Purpose: count live jobs by what decides who takes them. Caller: pending. Locks: nothing.
select state, task, flags, queue, case when state = 4 then runner end, state = 1 and run_at <= :now, count(*)
from kongflow_job
group by 1, 2, 3, 4, 5, 6
