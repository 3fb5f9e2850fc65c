-- Purpose: read up to a hundred jobs of a schedule that have not ended and do not wait for a retry; with `uncancelled`
-- those that nobody has asked to cancel. One that a handler has put off itself (Snooze) does not wait for a retry.
-- Caller: fire. Locks: nothing.
select id from kongflow_job
where schedule = :schedule and schedule is not null
    and not (state = 1 and attempt > 0 and coalesce(json_extract(attempts, '$[#-1].outcome'), '') <> 'snoozed')
    and not (:uncancelled and cancel_requested)
order by id
limit 100
