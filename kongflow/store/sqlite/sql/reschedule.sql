-- Purpose: let a waiting job start at another time; an unrouted one stays so. What was claimed before has been ready
-- before: its age counts from then. Caller: reschedule, run_now. Locks: nothing beyond the transaction.
update kongflow_job
set run_at = :run_at, lane = null, state = case when state = 0 then 0 when :run_at <= :now then 2 else 1 end,
    ready_at = case when state > 0 and claims = 0 then max(:run_at, :now) else ready_at end
where id = :id
