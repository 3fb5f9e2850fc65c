-- Purpose: block picked jobs that got no slot, each in the lane that refused it, and with them ready jobs behind the
-- first of each lane, of the same kinds: up to 2,000, which lanes and kinds share. As many jobs of a queue wait for
-- the pattern as the queue has slots, the best, and the others for the queue: else a pattern's slot would be offered
-- to each of them in turn while their queue is full. Caller: take_slots, which has locked the lanes and given back
-- what it does not use of them. Locks: ready jobs, without waiting.
create or replace function kongflow.block(p_ranked kongflow.picked_job[], p_refused bigint[], p_lanes text[])
returns void
language plpgsql set jit = off set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_first record;
    v_each integer;
    v_config text := (select value from kongflow.meta where name = 'in_force');
begin
    update kongflow.job j set state = 3, lane = refused.lane
    from unnest(p_refused, p_lanes) as refused (id, lane)
    where j.id = any (p_refused) and j.id = refused.id;
    for v_first in
        select first.*, greatest(2000 / count(*) over (), 1) as most
        from (
            select distinct on (refused.lane, r.kind) refused.lane, r.kind, r.queue, lead.priority, lead.run_at, lead.id
            from unnest(p_refused, p_lanes) as refused (id, lane)
            join unnest(p_ranked) as r using (id)
            join (
                select distinct on (w.lane) w.lane, f.priority, f.run_at, f.id
                from unnest(p_refused, p_lanes) as w (id, lane) join unnest(p_ranked) as f using (id)
                order by w.lane, f.n
            ) as lead on lead.lane = refused.lane
        ) as first
    loop
        if v_first.lane = v_first.queue then
            update kongflow.job set state = 3, lane = v_first.lane
            where id = any (array(
                select id from kongflow.job
                where queue = v_first.queue and state = 2 and kind = v_first.kind
                    and (priority, run_at, id) > (v_first.priority, v_first.run_at, v_first.id)
                order by priority, run_at, id
                limit v_first.most
                for update skip locked
            ));
        else
            v_each := (select concurrency from kongflow.rule where config = v_config and name = v_first.lane);
            with behind as materialized (
                select id, queue, priority, run_at from kongflow.job
                where state = 2 and run_at is not null and kind = v_first.kind and rule = v_first.lane
                    and (priority, run_at, id) > (v_first.priority, v_first.run_at, v_first.id)
                    and (select r.name from kongflow.rule_of(v_config, queue) as r) = v_first.lane
                order by priority, run_at, id
                limit v_first.most
                for update skip locked
            ), placed as (
                select id, queue, row_number() over (partition by queue order by priority, run_at, id) as place
                from behind
            ), room as (
                select q.queue, case when l.refill_at is null then v_each else 0 end - coalesce(l.running, 0) - (
                    select count(*) from kongflow.job j where j.queue = q.queue and j.lane <> j.queue
                ) as slots
                from (select distinct queue from behind) as q left join kongflow.lane l on l.name = q.queue
            )
            update kongflow.job j
            set state = 3, lane = case
                when v_each is null or placed.place <= room.slots then v_first.lane
                else j.queue
            end
            from placed join room using (queue)
            where j.id = any (array(select id from placed)) and j.id = placed.id;
        end if;
    end loop;
end
$$
