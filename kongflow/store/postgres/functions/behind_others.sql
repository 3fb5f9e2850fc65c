-- Purpose: return picked jobs with their ranks behind better ready jobs of their queues that somebody may take.
-- Caller: take_slots. Locks: those jobs, without waiting; one that a user has locked keeps no place.
create or replace function kongflow.behind_others(p_ranked kongflow.picked_job[]) returns kongflow.picked_job[]
language plpgsql set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_ranked kongflow.picked_job[];
begin
    with others as materialized (
        select better.*
        from (
            select distinct on (queue) queue, priority, run_at, id from unnest(p_ranked) order by queue, n desc
        ) as last
        cross join lateral kongflow.ready_kinds(last.queue) as kinds (kind)
        cross join lateral (
            select j.queue, j.priority, j.run_at, j.id from kongflow.job j
            where j.queue = last.queue and j.state = 2 and j.kind = kinds.kind
                and (j.priority, j.run_at, j.id) < (last.priority, last.run_at, last.id)
                and j.id <> all (array(select id from unnest(p_ranked)))
                and kongflow.takeable(j.task, j.flags, j.queue)
            order by j.priority, j.run_at, j.id
            limit 1000
            for update skip locked
        ) as better
    )
    select array_agg((r.n, r.id, r.queue, r.priority, r.run_at, r.task, r.kind, r.crashes, r.job_key, r.claimed_key, r.slots,
        r.pattern, r.rate_limit, r.rate_per, r.rank + (
            select count(*) from others
            where others.queue = r.queue and (others.priority, others.run_at, others.id) < (r.priority, r.run_at, r.id)
        ))::kongflow.picked_job order by r.n)
    into v_ranked
    from unnest(p_ranked) as r;
    return v_ranked;
end
$$
