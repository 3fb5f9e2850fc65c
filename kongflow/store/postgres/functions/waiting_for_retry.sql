-- Purpose: return up to a hundred jobs of a schedule that wait for a retry, locked, so that none begins meanwhile;
-- those that somebody else holds are left out. One that a handler has put off itself (Snooze) does not wait for a
-- retry. Caller: in_the_way, add_slot_job. Locks: these jobs, without waiting.
create or replace function kongflow.waiting_for_retry(p_schedule text) returns bigint[]
language plpgsql as $$
begin
    return array(
        select id from kongflow.job
        where schedule = p_schedule and schedule is not null and state + 0 = 1 and attempt > 0
            and coalesce(attempts -> -1 ->> 'outcome', '') <> 'snoozed'
        order by id + 0  -- `+ 0`: no other index than that of schedules, whatever the statistics say
        limit 100
        for update skip locked
    );
end
$$
