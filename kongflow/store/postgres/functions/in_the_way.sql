-- Purpose: return the jobs of a schedule that a slot does not pass, up to a hundred: those that have not ended, but for
-- those that wait for a retry. One that waits, and that somebody else holds, may begin at this moment, and counts. Where
-- very many wait for a retry and nothing else is in the way, a hundred of them give way already, so that there is an end
-- to it. Caller: decide_slot. Locks: jobs that wait for a retry, without waiting.
create or replace function kongflow.in_the_way(p_schedule text, p_now timestamptz) returns bigint[]
language plpgsql as $$
declare
    v_retrying bigint[] := kongflow.waiting_for_retry(p_schedule);
    v_unfinished bigint[] := kongflow.unfinished_but(p_schedule, v_retrying, false);
begin
    if cardinality(v_retrying) = 100 and v_unfinished <> '{}' and not exists (
        select from kongflow.job where id = any (v_unfinished) and state <> 1
    ) then
        perform kongflow.finish_waiting(id, 7, 'superseded', null, true, null, p_now) from unnest(v_retrying) as id;
    end if;
    return v_unfinished;
end
$$
