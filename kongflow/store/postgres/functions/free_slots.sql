-- Purpose: hand the freed slots of queues on: one name for each slot; the best blocked jobs that may start become
-- ready, of the queue and of a pattern whose slots it shared. Those of the queues `p_next_of` that `p_runner` may have
-- at once stay as they are, and keep their slots: they are returned, for the caller to lease. Caller: settle. Locks:
-- the lanes, in the order of their names; blocked jobs, without waiting.
create or replace function kongflow.free_slots(
    p_queues text[], p_next_of text[], p_runner bigint, p_now timestamptz
) returns bigint[]
language plpgsql set jit = off set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_all text[] := p_queues || kongflow.patterns_of(p_queues);
    v_locked text[];
    v_dry text[];
    v_freed kongflow.freed_lane[];
    v_lane kongflow.freed_lane;
    v_next bigint[];
    v_handed bigint[] := '{}';
begin
    -- From here on only these are touched: one that somebody adds meanwhile is not locked in its order.
    select array_agg(name), array_agg(name) filter (where refill_at is not null) into v_locked, v_dry
    from (select name, refill_at from kongflow.lane where name = any (v_all) order by name for update) as locked;
    v_all := array(select lane from unnest(v_all) as f (lane) where lane = any (v_locked));
    -- A new statement, so a new snapshot: it sees what a claim blocked that held the lane before.
    v_freed := array(
        select (freed.lane, freed.slots, first.kind, first.kind <> last.kind)::kongflow.freed_lane
        from (
            -- One whose rate limit is used up is put right when that is filled again.
            select lane, count(*) as slots from unnest(v_all) as f (lane)
            where v_dry is null or lane <> all (v_dry)
            group by lane
        ) as freed
        cross join lateral (
            select kind, task, flags, queue, rule from kongflow.job where lane = freed.lane and state = 3
            order by kind limit 1
        ) as first
        cross join lateral (
            select kind from kongflow.job where lane = freed.lane and state = 3 order by kind desc limit 1
        ) as last
        where first.kind <> last.kind or case
            when strpos(freed.lane, '*') = 0 then kongflow.takeable(first.task, first.flags, first.queue)
            else kongflow.takeable_kind(first.task, first.flags, first.queue, first.rule)
        end
    );
    -- Most lanes free one slot and hold jobs of one kind: all of these in one statement. Its limit is a constant for
    -- the plan's sake.
    v_next := array(
        select next.id from unnest(v_freed) as freed
        cross join lateral (
            select id from kongflow.job
            where lane = freed.lane and state = 3 and kind = freed.kind and kongflow.takeable(task, flags, queue)
            order by priority, run_at, id
            limit 1
            for update skip locked
        ) as next
        where freed.slots = 1 and not freed.mixed
    );
    for v_lane in select * from unnest(v_freed) where slots > 1 or mixed loop
        v_next := v_next || array(
            select id from kongflow.best_blocked(v_lane.lane, v_lane.slots)
            order by priority, run_at, id
            limit v_lane.slots
        );
    end loop;
    if cardinality(p_next_of) > 0 and cardinality(v_next) > 0 then
        v_handed := kongflow.next_for(p_runner, v_next, p_next_of, p_now);
    end if;
    if cardinality(v_handed) < cardinality(v_next) then
        update kongflow.job set state = 2, lane = null where id = any (v_next) and id <> all (v_handed);
    end if;
    if cardinality(v_handed) > 0 then
        v_all := array(
            select lane from unnest(v_all) as f (lane)
            where lane <> all (array(select queue from kongflow.job where id = any (v_handed)))
        );
    end if;
    if cardinality(v_all) = 0 then
        return v_handed;
    end if;
    with freed as (
        select lane, count(*) as slots from unnest(v_all) as f (lane) group by lane
    ), fewer as (
        update kongflow.lane l set running = greatest(running - freed.slots, 0)
        from freed where l.name = freed.lane and (l.running > freed.slots or l.refill_at is not null)
    )
    delete from kongflow.lane l using freed where l.name = freed.lane and l.running <= freed.slots
        and l.refill_at is null;
    return v_handed;
end
$$
