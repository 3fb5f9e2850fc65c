-- Purpose: list queues of which a job that is better than the picked ones is ready and was not picked: another claim
-- has just locked it, or a user has. Caller: take_slots. Locks: nothing.
create or replace function kongflow.contended(p_ranked kongflow.picked_job[]) returns text[]
language sql stable set enable_seqscan = off set enable_bitmapscan = off as $$
    with last as materialized (
        -- The worst of those that would get a slot, and how many picked ones of its kind are as good.
        select distinct on (queue) queue, kind, priority, run_at, id, place
        from (
            select *, row_number() over (partition by queue, kind order by n) as place from unnest(p_ranked)
        ) as r
        where rank <= slots
        order by queue, n desc
    )
    select coalesce(array_agg(last.queue), '{}')
    from last
    where (
        select count(*) from (
            select from kongflow.job j
            where j.queue = last.queue and j.state = 2 and j.kind = last.kind
                and (j.priority, j.run_at, j.id) < (last.priority, last.run_at, last.id)
            limit last.place
        ) as better
    ) >= last.place
$$
