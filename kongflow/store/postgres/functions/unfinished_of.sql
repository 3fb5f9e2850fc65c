-- Purpose: return a job of a schedule that has not ended and does not wait for a retry, or none. Caller: states.
-- Locks: nothing.
create or replace function kongflow.unfinished_of(p_schedule text) returns bigint[]
language sql stable as $$
    select array(
        select id from kongflow.job
        where schedule = p_schedule and schedule is not null
            and not (state = 1 and attempt > 0 and coalesce(attempts -> -1 ->> 'outcome', '') <> 'snoozed')
        limit 1
    )
$$
