-- Purpose: read the jobs of a schedule that have not ended, with whether each waits for a retry: one that a handler has
-- put off itself (Snooze) does not. Caller: fire. Locks: nothing.
select id, state = 1 and attempt > 0 and coalesce(json_extract(attempts, '$[#-1].outcome'), '') <> 'snoozed'
from kongflow_job
where schedule = :schedule and schedule is not null
order by id
