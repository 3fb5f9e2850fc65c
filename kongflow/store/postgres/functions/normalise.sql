-- Purpose: put queues right: the best jobs of each, as many as it has free slots, are ready. Ready ones beyond them may
-- stay so: the claim that meets them demotes them. Returns how many were promoted. A job that no live runner may take, or
-- that somebody has locked, holds neither slot nor place. Caller: normalise_noted, repair. Locks: the lanes, in the order
-- of their names, for which it waits; jobs that it promotes, without waiting.
create or replace function kongflow.normalise(p_queues text[]) returns integer
language plpgsql as $$
declare
    v_limits kongflow.queue_limit[];
    v_lane record;
    v_promoted integer := 0;
begin
    v_limits := array(select (queue, slots)::kongflow.queue_limit from kongflow.limits_of(p_queues));
    insert into kongflow.lane as l (queue, running)
    select queue, 0 from unnest(v_limits) where slots is not null order by queue collate "C"
    on conflict (queue) do update set granted = 0;
    -- A new statement, so a new snapshot: it sees what those committed who held the lanes before. One look at all that
    -- runs, which is little, for all queues together.
    for v_lane in
        select limits.queue, limits.slots, coalesce(counted.running, 0)::integer as running
        from unnest(v_limits) as limits
        left join (
            select queue, count(*) as running from kongflow.job
            where state = 4 and queue = any (p_queues)
            group by queue
        ) as counted using (queue)
    loop
        if v_lane.slots is null then
            v_promoted := v_promoted + kongflow.promote_all(v_lane.queue);
        elsif v_lane.running < v_lane.slots then
            v_promoted := v_promoted + kongflow.promote_best(v_lane.queue, v_lane.slots - v_lane.running);
        end if;
        if v_lane.running = 0 then
            delete from kongflow.lane where queue = v_lane.queue;
        else
            update kongflow.lane set running = v_lane.running
            where queue = v_lane.queue and running <> v_lane.running;
        end if;
    end loop;
    return v_promoted;
end
$$
