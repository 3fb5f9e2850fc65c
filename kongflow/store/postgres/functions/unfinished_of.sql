-- Purpose: return the jobs of a schedule that have not ended, but those that wait for a retry. Caller: states.
-- Locks: nothing.
create or replace function kongflow.unfinished_of(p_schedule text) returns bigint[]
language sql stable as $$
    select array(
        select id from kongflow.job
        where schedule = p_schedule and schedule is not null
            and not (state = 1 and attempt > 0 and coalesce(attempts -> -1 ->> 'outcome', '') <> 'snoozed')
        order by id + 0  -- not by the index of ids, which would be read to its end
    )
$$
