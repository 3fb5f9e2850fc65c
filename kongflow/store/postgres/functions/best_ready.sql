-- Purpose: return the best ready jobs of a lane that somebody may take. Caller: promote_best. Locks: these jobs, without
-- waiting; one that somebody has locked is left out.
create or replace function kongflow.best_ready(p_lane text, p_most integer)
returns table (id bigint, priority smallint, run_at timestamptz)
language plpgsql set enable_sort = off set enable_bitmapscan = off as $$
#variable_conflict use_column
begin
    if strpos(p_lane, '*') > 0 then
        return query
        select best.* from kongflow.ready_kinds(p_lane) as kinds (kind)
        cross join lateral (
            select id, priority, run_at from kongflow.job
            where state = 2 and kind = kinds.kind and kongflow.takeable(task, flags, queue)
            order by priority, run_at, id
            limit p_most
            for update skip locked
        ) as best;
    else
        return query
        select best.* from kongflow.ready_kinds(p_lane) as kinds (kind)
        cross join lateral (
            select id, priority, run_at from kongflow.job
            where state = 2 and queue = p_lane and kind = kinds.kind and kongflow.takeable(task, flags, queue)
            order by priority, run_at, id
            limit p_most
            for update skip locked
        ) as best;
    end if;
end
$$
