-- Purpose: find waiting jobs of some tasks, up to `p_limit` of each task in each state, and of each kind of ready jobs:
-- an index by the task over those, too, would cost every job something. It jumps from one kind to the next: each may
-- hold a million. Caller: bury. Locks: nothing.
create or replace function kongflow.waiting_of_tasks(p_tasks text[], p_limit integer) returns setof bigint
language plpgsql stable set jit = off set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_task text;
    v_kind bigint := -9223372036854775808;
begin
    foreach v_task in array p_tasks loop
        return query select id from kongflow.job where state = 0 and task = v_task limit p_limit;
        return query select id from kongflow.job where state in (1, 3) and task = v_task limit p_limit;
    end loop;
    loop
        select kind, task into v_kind, v_task from kongflow.job
        where state = 2 and run_at is not null and kind > v_kind order by kind limit 1;
        exit when not found;
        if v_task = any (p_tasks) then
            return query select id from kongflow.job
            where state = 2 and run_at is not null and kind = v_kind and task || '' = v_task limit p_limit;
        end if;
    end loop;
end
$$
