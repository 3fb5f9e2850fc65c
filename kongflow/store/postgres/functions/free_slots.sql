-- Purpose: hand the freed slots of queues on: one name for each slot; the best blocked jobs that may start become ready.
-- Caller: settle. Locks: the lanes, in the order of their names; blocked jobs, without waiting.
create or replace function kongflow.free_slots(p_queues text[]) returns void
language plpgsql set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_more record;
begin
    perform from kongflow.lane where queue = any (p_queues) order by queue for update;
    -- A new statement, so a new snapshot: it sees what a claim blocked that held the lane before. The limit is a constant
    -- for the plan's sake; few queues free more than one slot at once.
    update kongflow.job set state = 2
    where id = any (array(
        select next.id from (select distinct queue from unnest(p_queues) as q (queue)) as freed
        cross join lateral (
            select id from kongflow.job
            where queue = freed.queue and state = 3 and kongflow.takeable(task, flags, queue)
            order by priority, run_at, id
            limit 1
            for update skip locked
        ) as next
    ));
    for v_more in
        select queue, count(*) - 1 as slots from unnest(p_queues) as q (queue) group by queue having count(*) > 1
    loop
        update kongflow.job set state = 2
        where id = any (array(
            select id from kongflow.job
            where queue = v_more.queue and state = 3 and kongflow.takeable(task, flags, queue)
            order by priority, run_at, id
            limit v_more.slots
            for update skip locked
        ));
    end loop;
    with freed as (
        select queue, count(*) as slots from unnest(p_queues) as q (queue) group by queue
    ), fewer as (
        update kongflow.lane l set running = running - freed.slots
        from freed where l.queue = freed.queue and l.running > freed.slots
    )
    delete from kongflow.lane l using freed where l.queue = freed.queue and l.running <= freed.slots;
end
$$
