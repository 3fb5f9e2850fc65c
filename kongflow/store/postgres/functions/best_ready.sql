-- Purpose: return the best ready jobs of a lane that somebody may take, of each kind up to `p_most`. Of a pattern only those
-- that their queue lets start: another holds no place of the pattern. Caller: promote_best. Locks: these jobs, without
-- waiting; one that somebody has locked is left out.
create or replace function kongflow.best_ready(p_lane text, p_most integer)
returns table (id bigint, priority smallint, run_at timestamptz)
language plpgsql set enable_sort = off set enable_bitmapscan = off as $$
#variable_conflict use_column
declare
    v_config text;
    v_each integer;
begin
    if strpos(p_lane, '*') > 0 then
        v_config := (select value from kongflow.meta where name = 'in_force');
        v_each := (select concurrency from kongflow.rule where config = v_config and name = p_lane);
        return query
        select ready.id, ready.priority, ready.run_at
        from (
            select best.*, row_number() over (partition by best.queue order by best.priority, best.run_at, best.id) as place
            from kongflow.ready_kinds(p_lane) as kinds (kind)
            cross join lateral (
                select id, queue, priority, run_at from kongflow.job
                where state = 2 and kind = kinds.kind and kongflow.takeable(task, flags, queue)
                order by priority, run_at, id
                limit p_most
                for update skip locked
            ) as best
        ) as ready
        left join kongflow.lane l on l.name = ready.queue
        where (v_each is null or ready.place <= v_each - coalesce(l.running, 0)) and l.refill_at is null
            and ready.queue <> all (array(select name from kongflow.pause))
            and (select r.name from kongflow.rule_of(v_config, ready.queue) as r) = p_lane;
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
