-- Purpose: take slots of lanes for ranked jobs, as many as each lane has free, and say how many of these its rate limit
-- lets it use. `use_slots` gives back what is not used. Caller: take_slots.
-- Locks: the lanes, in the order of their names; it waits for claims and settles, never for a user.
create or replace function kongflow.grant_slots(p_ranked kongflow.picked_job[], p_shift interval)
returns kongflow.lane_grant[]
language plpgsql as $$
declare
    v_grants kongflow.lane_grant[];
    v_now timestamptz;
begin
    with wanted as (
        select queue collate "C" as name, max(rank) as number, max(slots) as slots
        from unnest(p_ranked) where slots > 0 group by queue
        union all
        select w.pattern collate "C", w.number, l.slots
        from (
            select pattern, count(*)::integer as number from unnest(p_ranked) where pattern is not null group by pattern
        ) as w
        join kongflow.limits_of(array(select distinct pattern from unnest(p_ranked) where pattern is not null)) as l
            on l.lane = w.pattern
        where l.slots > 0
    ), granted as (
        insert into kongflow.lane as l (name, running, granted, slots)
        select name, least(number, slots), least(number, slots), slots from wanted order by name
        on conflict (name) do update
        set granted = least(excluded.granted, excluded.slots - l.running),
            running = l.running + least(excluded.granted, excluded.slots - l.running),
            slots = excluded.slots
        where l.running < excluded.slots
        returning l.name, l.granted
    )
    select array_agg((name, granted, granted)::kongflow.lane_grant) into v_grants from granted;
    if exists (select from unnest(p_ranked) where rate_limit is not null) then
        -- Now that the lanes are locked: who held them before has written his starts, and they are older than this
        -- moment.
        v_now := clock_timestamp() + p_shift;
        with rated as materialized (
            select g.lane, g.granted, t.tokens, t.refill_at
            from unnest(v_grants) as g
            left join (
                select queue, max(rate_limit) as rate_limit, max(rate_per) as rate_per
                from unnest(p_ranked) where rate_limit is not null group by queue
            ) as r on r.queue = g.lane
            left join lateral kongflow.tokens_left(r.queue, r.rate_limit, r.rate_per, v_now) as t on true
        ), dry as (
            update kongflow.lane l set refill_at = rated.refill_at
            from rated where l.name = rated.lane and rated.granted > rated.tokens
        )
        select array_agg((lane, granted, least(granted, tokens))::kongflow.lane_grant) into v_grants from rated;
    end if;
    return v_grants;
end
$$
