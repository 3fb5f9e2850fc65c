-- Purpose: take slots of their lanes for picked jobs and return those that got them, best first; the others,
-- and with them what waits behind them, are blocked. A better job of the queue that another live runner may take, or
-- that is suspect, keeps its slot. A queue in which they would pass a job that another statement of ours holds is left
-- to it: its jobs stay as they are until the next round. Only with its lane locked can that be told: who held the lane
-- before may have made a better job ready. Caller: claim. Locks: the lanes, in the order of their names; it waits for
-- claims and settles, never for a user. Ready jobs behind the last slot, without waiting.
create or replace function kongflow.take_slots(
    p_picked kongflow.picked_job[], p_runner kongflow.runner, p_shift interval
) returns kongflow.taken_slots
language plpgsql as $$
declare
    v_ranked kongflow.picked_job[];
    v_grants kongflow.lane_grant[];
    v_refused bigint[];
    v_lanes text[];
    v_contended text[] := '{}';
begin
    v_ranked := array(
        select (p.n, p.id, p.queue, p.priority, p.run_at, p.task, p.kind, p.crashes, p.job_key, p.claimed_key, l.slots,
            l.pattern, l.rate_limit, l.rate_per,
            row_number() over (partition by p.queue order by p.n))::kongflow.picked_job
        from unnest(p_picked) as p
        join kongflow.limits_of(array(select distinct queue from unnest(p_picked) where queue is not null)) as l
            on l.lane = p.queue
        where l.slots is not null or l.pattern is not null
    );
    if cardinality(v_ranked) > 0 then
        if kongflow.others_may_be_ahead(p_runner) then
            v_ranked := kongflow.behind_others(v_ranked);
        end if;
        v_grants := kongflow.grant_slots(v_ranked, p_shift);
        v_contended := kongflow.contended(p_runner, v_ranked, v_grants);
        if v_contended <> '{}' then
            v_ranked := array(
                select r::kongflow.picked_job from unnest(v_ranked) as r where r.queue <> all (v_contended) order by n
            );
        end if;
        with by_queue as (
            select r.*, r.slots is null or r.rank <= coalesce(g.usable, 0) as passes
            from unnest(v_ranked) as r left join unnest(v_grants) as g on g.lane = r.queue
        ), by_pattern as (
            select b.*, b.pattern is null
                or g.usable >= count(*) filter (where passes) over (partition by pattern order by n)
                as passes_too
            from by_queue as b left join unnest(v_grants) as g on g.lane = b.pattern
        )
        select array_agg(id order by n), array_agg(case when passes then pattern else queue end order by n)
        into v_refused, v_lanes
        from by_pattern where not passes or passes_too is not true;
        perform kongflow.use_slots(v_ranked, coalesce(v_refused, '{}'), v_grants, p_shift);
        if v_refused is not null then
            perform kongflow.block(v_ranked, v_refused, v_lanes);
        end if;
    end if;
    return (
        array(
            select id from unnest(p_picked)
            where (v_refused is null or id <> all (v_refused)) and (queue is null or queue <> all (v_contended))
            order by n
        ),
        v_contended <> '{}'
    );
end
$$
