-- Purpose: read every schedule that was seen, with whether what its slot waits for has ended. Caller: states, fire.
-- Locks: nothing.
select s.name, s.timing, s.decided_up_to, s.waiting_slot, s.waiting_backfilled,
    exists (select 1 from kongflow_schedule_pause p where p.name = s.name),
    s.waiting_slot is not null and not exists (
        select 1 from kongflow_job j
        where j.schedule = s.name and j.schedule is not null and not (
                j.state = 1 and j.attempt > 0
                and coalesce(json_extract(j.attempts, '$[#-1].outcome'), '') <> 'snoozed'
            )
    )
from kongflow_schedule s
where :name is null or s.name = :name
