-- Purpose: let a waiting job run now; one that is ready or blocked keeps its place. Caller: retry.
-- Locks: nothing beyond the transaction.
update kongflow_job
set payload = :payload, crashes = 0,
    run_at = case when state = :scheduled then :now else run_at end,
    state = case when state = :scheduled then :ready else state end
where id = :id
