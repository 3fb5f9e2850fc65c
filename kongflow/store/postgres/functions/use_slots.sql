-- Purpose: count the starts of jobs that got their slots, where a rate limit wants that, and give back slots that
-- nobody uses; of a pattern's, others that wait for it are told by a note. Caller: take_slots. Locks: lanes that the
-- caller has locked.
create or replace function kongflow.use_slots(
    p_ranked kongflow.picked_job[], p_refused bigint[], p_grants kongflow.lane_grant[], p_shift interval
) returns void
language plpgsql as $$
declare
    v_now timestamptz := clock_timestamp() + p_shift;
begin
    insert into kongflow.start (queue, at, forget_at)
    select queue, v_now, v_now + make_interval(secs => rate_per) from unnest(p_ranked)
    where rate_limit is not null and id <> all (p_refused);
    with used as (
        select lane, count(*) as slots
        from unnest(p_ranked) as r cross join lateral (values (r.queue), (r.pattern)) as of_job (lane)
        where id <> all (p_refused)
        group by lane
    ), unused as (
        select g.lane, g.granted - coalesce(used.slots, 0) as slots
        from unnest(p_grants) as g left join used on used.lane = g.lane
        where g.granted > coalesce(used.slots, 0)
    ), noted as (
        insert into kongflow.lane_check (lane)
        select lane from unused
        where strpos(lane, '*') > 0 and kongflow.has_blocked(lane)
    ), fewer as (
        update kongflow.lane l set running = running - unused.slots
        from unused where l.name = unused.lane and (l.running > unused.slots or l.refill_at is not null)
    )
    delete from kongflow.lane l using unused
    where l.name = unused.lane and l.running <= unused.slots and l.refill_at is null;
end
$$
