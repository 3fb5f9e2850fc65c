-- Purpose: return the best jobs that wait in a lane and that somebody may take, of each kind up to `p_most`.
-- Caller: free_slots, promote_best, promote_further. Locks: these jobs, without waiting; one that somebody has locked is left out.
create or replace function kongflow.best_blocked(p_lane text, p_most integer)
returns table (id bigint, priority smallint, run_at timestamptz)
language plpgsql set enable_sort = off set enable_bitmapscan = off as $$
#variable_conflict use_column
begin
    return query
    select best.* from kongflow.blocked_kinds(p_lane) as kinds (kind)
    cross join lateral (
        select id, priority, run_at from kongflow.job
        where state = 3 and lane = p_lane and kind = kinds.kind and kongflow.takeable(task, flags, queue)
        order by priority, run_at, id
        limit p_most
        for update skip locked
    ) as best;
end
$$
