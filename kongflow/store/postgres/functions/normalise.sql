-- Purpose: put lanes right, and the patterns that queues among them share: the best jobs of each, as many as it has
-- free slots, are ready. Ready ones beyond them may stay so: the claim that meets them demotes them. Returns, where it
-- counts, how many were promoted that nothing pointed at. A job that no live runner may take, or that somebody has
-- locked, holds neither slot nor place. Caller: put_right, repair.
-- Locks: the lanes, in the order of their names, for which it waits; jobs that it promotes, without waiting.
create or replace function kongflow.normalise(p_lanes text[], p_now timestamptz, p_counts boolean) returns integer
language plpgsql as $$
declare
    v_lanes text[] := array(
        select lane from unnest(p_lanes || kongflow.patterns_of(p_lanes)) as l (lane) group by lane
    );
    v_limits kongflow.lane_limit[];
    v_lane record;
    v_here integer;
    v_missed integer;
    v_promoted integer := 0;
    v_moved integer := 0;
begin
    v_limits := array(select l::kongflow.lane_limit from kongflow.limits_of(v_lanes) as l);
    insert into kongflow.lane as l (name, running)
    select lane, 0 from unnest(v_limits) where slots is not null order by lane collate "C"
    on conflict (name) do update set granted = 0;
    -- A new statement, so a new snapshot: it sees what those committed who held the lanes before. One look at all that
    -- runs, which is little, for all lanes together.
    for v_lane in
        select limits::kongflow.lane_limit as limits, coalesce(counted.running, 0) as running
        from unnest(v_limits) as limits left join kongflow.running_in(v_lanes) as counted using (lane)
    loop
        if v_moved >= 2000 then
            -- Enough for one transaction: the rest is for the next claims.
            insert into kongflow.lane_check (lane) values ((v_lane.limits).lane);
            continue;
        end if;
        if (v_lane.limits).slots is null then
            v_here := kongflow.promote_all((v_lane.limits).lane);
            v_missed := v_here;
        else
            select moved, missed into v_here, v_missed from kongflow.fill_lane(v_lane.limits, v_lane.running, p_now);
            delete from kongflow.lane where name = (v_lane.limits).lane and v_lane.running = 0 and refill_at is null;
            update kongflow.lane set running = v_lane.running
            where name = (v_lane.limits).lane and running <> v_lane.running;
        end if;
        v_moved := v_moved + v_here;
        -- What was noted after the caller took the notes would have been put right by the next claim.
        if p_counts and v_missed > 0 and not kongflow.is_noted((v_lane.limits).lane) then
            v_promoted := v_promoted + v_missed;
        end if;
    end loop;
    return v_promoted;
end
$$
