-- Purpose: name the best jobs of a lane, blocked or ready ones, that somebody may take: up to `p_most`, of those
-- before a job where one is given. The best of each kind are read, and more only of the kinds that have all of theirs
-- among the best: some times `p_most` together, however many kinds there are. Caller: lock_best. Locks: nothing.
create or replace function kongflow.best_of_lane(p_lane text, p_state integer, p_most integer, p_before bigint)
returns bigint[]
language plpgsql stable set jit = off set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_is_pattern boolean := strpos(p_lane, '*') > 0;
    v_end record;
    v_kinds bigint[];
    v_depths integer[];
    v_best bigint[] := '{}';
    v_goes_on boolean := true;
begin
    select coalesce(max(priority), 32767::smallint) as priority, coalesce(max(run_at), 'infinity') as run_at,
        coalesce(max(id), 9223372036854775807) as id
    into v_end from kongflow.job where id = p_before;
    v_kinds := case
        when p_state = 3 then array(select kongflow.blocked_kinds(p_lane))
        else array(select kongflow.ready_kinds(p_lane))
    end;
    v_depths := array_fill(p_most / greatest(cardinality(v_kinds), 1) + 1, array[cardinality(v_kinds)]);
    while v_goes_on and cardinality(v_kinds) > 0 loop
        with heads as materialized (
            select kinds.n, kinds.depth, of_kind.*
            from unnest(v_kinds, v_depths) with ordinality as kinds (kind, depth, n)
            cross join lateral (
                select * from (
                    select id, priority, run_at from kongflow.job
                    where p_state = 3 and state = 3 and lane = p_lane and kind = kinds.kind
                        and (priority, run_at, id) < (v_end.priority, v_end.run_at, v_end.id)
                        and (not v_is_pattern or kongflow.takeable(task, flags, queue))
                    order by priority, run_at, id
                    limit kinds.depth
                ) as blocked
                union all
                select * from (
                    select id, priority, run_at from kongflow.job
                    where p_state = 2 and not v_is_pattern and state = 2 and queue = p_lane and kind = kinds.kind
                        and (priority, run_at, id) < (v_end.priority, v_end.run_at, v_end.id)
                    order by priority, run_at, id
                    limit kinds.depth
                ) as ready_of_queue
                union all
                select * from (
                    select id, priority, run_at from kongflow.job
                    where p_state = 2 and v_is_pattern and state = 2 and run_at is not null and kind = kinds.kind
                        and (priority, run_at, id) < (v_end.priority, v_end.run_at, v_end.id)
                        and kongflow.takeable(task, flags, queue)
                    order by priority, run_at, id
                    limit kinds.depth
                ) as ready_of_pattern
            ) as of_kind
        ), best as materialized (
            select * from heads order by priority, run_at, id limit p_most
        ), deeper as materialized (
            select n from best group by n, depth having count(*) = depth and depth < p_most
        )
        select array(select id from best),
            array(
                select case when n in (select n from deeper) then least(4 * depth, p_most) else depth end
                from unnest(v_depths) with ordinality as d (depth, n) order by n
            ),
            exists (select from deeper)
        into v_best, v_depths, v_goes_on;
    end loop;
    return v_best;
end
$$
