-- Purpose: block picked jobs that got no slot, each in the lane that refused it, and up to 2,000 ready jobs of their kinds
-- behind the first of each lane. Caller: take_slots. Locks: ready jobs, without waiting; the caller has locked the lanes.
create or replace function kongflow.block(p_ranked kongflow.picked_job[], p_refused bigint[], p_lanes text[]) returns void
language plpgsql set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_first record;
    v_config text := (select value from kongflow.meta where name = 'in_force');
begin
    update kongflow.job j set state = 3, lane = refused.lane
    from unnest(p_refused, p_lanes) as refused (id, lane)
    where j.id = refused.id;
    for v_first in
        select distinct on (refused.lane, r.kind) refused.lane, r.kind, r.queue, lead.priority, lead.run_at, lead.id
        from unnest(p_refused, p_lanes) as refused (id, lane)
        join unnest(p_ranked) as r using (id)
        join (
            select distinct on (w.lane) w.lane, f.priority, f.run_at, f.id
            from unnest(p_refused, p_lanes) as w (id, lane) join unnest(p_ranked) as f using (id)
            order by w.lane, f.n
        ) as lead on lead.lane = refused.lane
    loop
        if v_first.lane = v_first.queue then
            update kongflow.job set state = 3, lane = v_first.lane
            where id = any (array(
                select id from kongflow.job
                where queue = v_first.queue and state = 2 and kind = v_first.kind
                    and (priority, run_at, id) > (v_first.priority, v_first.run_at, v_first.id)
                order by priority, run_at, id
                limit 2000
                for update skip locked
            ));
        else
            update kongflow.job set state = 3, lane = v_first.lane
            where id = any (array(
                select id from kongflow.job
                where state = 2 and kind = v_first.kind and rule = v_first.lane
                    and (priority, run_at, id) > (v_first.priority, v_first.run_at, v_first.id)
                    and (select r.name from kongflow.rule_of(v_config, queue) as r) = v_first.lane
                order by priority, run_at, id
                limit 2000
                for update skip locked
            ));
        end if;
    end loop;
end
$$
