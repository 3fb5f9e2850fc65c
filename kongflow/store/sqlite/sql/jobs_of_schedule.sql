-- Purpose: read the jobs of a schedule that have not ended, with whether each waits for a retry. Caller: fire.
-- Locks: nothing.
select id, state = 1 and attempt > 0 from kongflow_job
where schedule = :schedule and schedule is not null
order by id
