-- Purpose: take slots of their queues for picked jobs and return the ids of those that got one, best first; the others,
-- and with them what waits behind them, are blocked. A better job of the queue that another live runner may take, or
-- that is suspect, keeps its slot. Caller: claim. Locks: the lanes, in the order of their names; it waits for claims and
-- settles, never for a user. Ready jobs behind the last slot, without waiting.
create or replace function kongflow.take_slots(p_picked kongflow.picked_job[], p_runner kongflow.runner) returns bigint[]
language plpgsql as $$
declare
    v_ranked kongflow.picked_job[];
    v_queues text[];
    v_granted integer[];
    v_refused bigint[];
    v_others boolean := kongflow.others_may_be_ahead(p_runner);
begin
    v_ranked := array(
        select (p.n, p.id, p.queue, p.priority, p.run_at, p.task, p.crashes, p.job_key, p.claimed_key, limited.slots,
            row_number() over (partition by p.queue order by p.n))::kongflow.picked_job
        from unnest(p_picked) as p
        join kongflow.limits_of(array(select distinct queue from unnest(p_picked) where queue is not null)) as limited
            using (queue)
        where limited.slots is not null
    );
    if cardinality(v_ranked) > 0 then
        if v_others then
            v_ranked := kongflow.behind_others(v_ranked);
        end if;
        with wanted as (
            select queue collate "C" as queue, max(rank) as number, max(slots) as slots from unnest(v_ranked) group by queue
        ), granted as (
            insert into kongflow.lane as l (queue, running, granted, slots)
            select queue, least(number, slots), least(number, slots), slots from wanted order by queue
            on conflict (queue) do update
            set granted = least(excluded.granted, excluded.slots - l.running),
                running = l.running + least(excluded.granted, excluded.slots - l.running),
                slots = excluded.slots
            where l.running < excluded.slots
            returning l.queue, l.granted
        )
        select array_agg(queue), array_agg(granted) into v_queues, v_granted from granted;
        select array_agg(r.id) into v_refused
        from unnest(v_ranked) as r left join unnest(v_queues, v_granted) as g (queue, granted) using (queue)
        where r.rank > coalesce(g.granted, 0);
        if v_refused is not null then
            perform kongflow.block(v_ranked, v_refused);
        end if;
        if v_others then
            perform kongflow.give_up_slots(v_ranked, coalesce(v_refused, '{}'), v_queues, v_granted);
        end if;
    end if;
    return array(
        select id from unnest(p_picked) where v_refused is null or id <> all (v_refused) order by n
    );
end
$$
