-- Purpose: return the jobs of a schedule that a slot does not pass: all that have not ended, but those that wait for a
-- retry. One that waits, and that somebody else holds, may begin at this moment, and counts. Caller: decide_slot.
-- Locks: jobs that wait for a retry, without waiting.
create or replace function kongflow.in_the_way(p_schedule text) returns bigint[]
language plpgsql as $$
declare
    v_retrying bigint[] := kongflow.waiting_for_retry(p_schedule);
begin
    return array(
        select id from kongflow.job
        where schedule = p_schedule and schedule is not null and id <> all (v_retrying)
        order by id + 0
    );
end
$$
