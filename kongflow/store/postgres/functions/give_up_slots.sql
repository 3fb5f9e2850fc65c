-- Purpose: give slots back that were granted for better jobs that others may take, or for jobs that stand behind these. Caller: take_slots.
-- Locks: lanes that the caller has locked.
create or replace function kongflow.give_up_slots(
    p_ranked kongflow.picked_job[], p_refused bigint[], p_queues text[], p_granted integer[]
) returns void
language sql as $$
    with unused as (
        select g.queue, g.granted - count(r.id) as slots
        from unnest(p_queues, p_granted) as g (queue, granted)
        left join unnest(p_ranked) as r on r.queue = g.queue and r.id <> all (p_refused)
        group by g.queue, g.granted
        having g.granted > count(r.id)
    ), fewer as (
        update kongflow.lane l set running = running - unused.slots
        from unused where l.queue = unused.queue and l.running > unused.slots
    )
    delete from kongflow.lane l using unused where l.queue = unused.queue and l.running <= unused.slots;
$$
