-- Purpose: count the ready jobs of a lane that somebody may take, whoever has locked them, up to `p_most`. Kind by
-- kind: where the planner may join them, it reads all that are ready. Caller: fill_lane. Locks: nothing.
create or replace function kongflow.ready_in(p_lane text, p_most integer) returns integer
language plpgsql stable set jit = off set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_count integer := 0;
    v_kind bigint;
begin
    for v_kind in select * from kongflow.ready_kinds(p_lane) loop
        exit when v_count >= p_most;
        if strpos(p_lane, '*') > 0 then
            v_count := v_count + (select count(*) from (
                select from kongflow.job
                where state = 2 and run_at is not null and kind = v_kind and rule = p_lane
                    and kongflow.takeable(task, flags, queue)
                limit p_most - v_count
            ) as of_pattern);
        else
            v_count := v_count + (select count(*) from (
                select from kongflow.job
                where state = 2 and queue = p_lane and kind = v_kind and kongflow.takeable(task, flags, queue)
                limit p_most - v_count
            ) as of_queue);
        end if;
    end loop;
    return v_count;
end
$$
