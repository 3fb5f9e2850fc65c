-- Purpose: find when something may start by itself: a job's time comes, or a rate limit is filled again. Caller: claim.
-- Locks: nothing.
select min(due) from (
    select min(run_at) as due from kongflow_job where state = 1
    union all
    select min(refill_at) from kongflow_refill
)
