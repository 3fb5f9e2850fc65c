-- Purpose: list the kinds of the jobs that wait in a lane and that somebody may take; of a pattern, that somebody
-- perhaps may take. It jumps from one kind to the next: each may hold a million. Caller: best_of_lane. Locks: nothing.
create or replace function kongflow.blocked_kinds(p_lane text) returns setof bigint
language plpgsql stable set jit = off set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_job record;
    v_kind bigint := -9223372036854775808;
    v_is_pattern boolean := strpos(p_lane, '*') > 0;
begin
    loop
        select kind, task, flags, queue, rule into v_job from kongflow.job
        where state = 3 and lane = p_lane and kind > v_kind order by kind limit 1;
        exit when not found;
        v_kind := v_job.kind;
        if v_is_pattern and kongflow.takeable_kind(v_job.task, v_job.flags, v_job.queue, v_job.rule)
            or not v_is_pattern and kongflow.takeable(v_job.task, v_job.flags, v_job.queue)
        then
            return next v_kind;
        end if;
    end loop;
end
$$
