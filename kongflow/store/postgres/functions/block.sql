-- Purpose: block picked jobs that got no slot, and up to 2,000 ready jobs of each of their queues behind them.
-- Caller: take_slots. Locks: ready jobs, without waiting; the caller has locked the lanes.
create or replace function kongflow.block(p_ranked kongflow.picked_job[], p_refused bigint[]) returns void
language sql set enable_sort = off set enable_bitmapscan = off as $$
    update kongflow.job set state = 3 where id = any (p_refused);
    update kongflow.job set state = 3
    where id = any (array(
        select behind.id
        from (
            select distinct on (queue) queue, priority, run_at, id from unnest(p_ranked)
            where id = any (p_refused) order by queue, rank
        ) as first
        cross join lateral (
            select id from kongflow.job
            where queue = first.queue and state = 2
                and (priority, run_at, id) > (first.priority, first.run_at, first.id)
            order by priority, run_at, id
            limit 2000
            for update skip locked
        ) as behind
    ));
$$
