-- Purpose: let a job whose attempt ended wait for the next one. Caller: settle, rescue.
-- Locks: nothing beyond the transaction.
update kongflow_job
set state = :state, run_at = coalesce(:run_at, run_at), attempt = attempt - :gives_back,
    crashes = case when :clears_crashes then 0 else crashes + :crashes end, errors = coalesce(:errors, errors),
    lease = null, claimed_mono = null, terms = null, overrunning = 0
where id = :id and lease = :lease and state = 4
returning queue
