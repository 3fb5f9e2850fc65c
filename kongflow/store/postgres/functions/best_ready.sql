-- Purpose: return the best ready jobs of a lane that somebody may take, up to `p_most`. Of a pattern only those that
-- their queue lets start: another holds no place of the pattern. Caller: promote_best. Locks: as lock_best.
create or replace function kongflow.best_ready(p_lane text, p_most integer)
returns table (id bigint, priority smallint, run_at timestamptz)
language plpgsql as $$
#variable_conflict use_column
declare
    v_config text;
    v_each integer;
begin
    if strpos(p_lane, '*') = 0 then
        return query select id, priority, run_at from kongflow.lock_best(p_lane, 2, p_most, null);
        return;
    end if;
    v_config := (select value from kongflow.meta where name = 'in_force');
    v_each := (select concurrency from kongflow.rule where config = v_config and name = p_lane);
    return query
    select ready.id, ready.priority, ready.run_at
    from (
        select *, row_number() over (partition by queue order by priority, run_at, id) as place
        from kongflow.lock_best(p_lane, 2, p_most, null)
    ) as ready
    left join kongflow.lane l on l.name = ready.queue
    where (v_each is null or ready.place <= v_each - coalesce(l.running, 0)) and l.refill_at is null
        and ready.queue <> all (array(select name from kongflow.pause))
        and (select r.name from kongflow.rule_of(v_config, ready.queue) as r) = p_lane;
end
$$
