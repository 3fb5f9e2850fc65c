-- Purpose: read up to a hundred jobs of a schedule that wait for a retry. Caller: fire. Locks: nothing.
select id from kongflow_job
where schedule = :schedule and schedule is not null
    and state = 1 and attempt > 0 and coalesce(json_extract(attempts, '$[#-1].outcome'), '') <> 'snoozed'
order by id
limit 100
