-- Purpose: list ready jobs that somebody may take and that are better than picked ones of their queues which got slots;
-- without those that this claim has picked or locked itself. Of each kind in a queue it reads up to the place of the
-- queue's worst one, and 2,000 divided by the number of queues more. Caller: contended. Locks: nothing.
create or replace function kongflow.not_picked(p_ranked kongflow.picked_job[], p_grants kongflow.lane_grant[])
returns table (queue text, id bigint)
language plpgsql stable set jit = off set enable_seqscan = off set enable_sort = off set enable_bitmapscan = off as $$
#variable_conflict use_column
declare
    v_picked bigint[] := array(select id from unnest(p_ranked));
    v_number integer := (select count(distinct queue) from unnest(p_ranked));
begin
    return query
    with recursive last as (
        -- The worst of each queue that got a slot. Behind more jobs for others than were counted, nobody looks.
        select * from (
            select distinct on (r.queue) r.queue, r.priority, r.run_at, r.id, r.place, r.rank
            from (select *, row_number() over (partition by queue order by n) as place from unnest(p_ranked)) as r
            left join unnest(p_grants) as g on g.lane = r.queue
            where r.slots is null or r.rank <= g.usable
            order by r.queue, r.n desc
        ) as worst
        where rank - place < 5000 / v_number
    ), kinds as (
        select last.*, first.kind, first.task, first.flags
        from last
        cross join lateral (
            select kind, task, flags from kongflow.job j where j.queue = last.queue and j.state = 2
            order by kind limit 1
        ) as first
        union all
        select last.queue, last.priority, last.run_at, last.id, last.place, last.rank, next.kind, next.task, next.flags
        from kinds as last
        cross join lateral (
            select kind, task, flags from kongflow.job j
            where j.queue = last.queue and j.state = 2 and j.kind > last.kind
            order by kind limit 1
        ) as next
    )
    select kinds.queue, better.id
    from kinds
    cross join lateral (
        select id, xmax from kongflow.job j
        where j.queue = kinds.queue and j.state = 2 and j.kind = kinds.kind
            and (j.priority, j.run_at, j.id) < (kinds.priority, kinds.run_at, kinds.id)
        order by priority, run_at, id
        limit kinds.place + 2000 / v_number
    ) as better
    where better.id <> all (v_picked) and better.xmax <> pg_current_xact_id()::xid
        and kongflow.takeable(kinds.task, kinds.flags, kinds.queue);
end
$$
