-- Purpose: return picked jobs with their ranks behind better ready jobs of their queues that somebody may take, as far
-- as ranks matter: up to the slots of a queue, and up to 5,000 for all queues together. Caller: take_slots.
-- Locks: those jobs, without waiting; one that a user has locked keeps no place.
create or replace function kongflow.behind_others(p_ranked kongflow.picked_job[]) returns kongflow.picked_job[]
language plpgsql as $$
declare
    v_ranked kongflow.picked_job[];
begin
    with picked as materialized (
        select * from unnest(p_ranked)
    ), others as materialized (
        select better.*
        from (
            select distinct on (queue) queue, id, least(slots, rate_limit) as slots from picked
            where slots > 0 order by queue, n desc
        ) as last
        cross join lateral kongflow.lock_best(
            last.queue, 2, least(last.slots, 5000 / (select count(distinct queue)::integer from picked)), last.id
        ) as better
        where better.id not in (select id from picked)
    )
    select array_agg((r.n, r.id, r.queue, r.priority, r.run_at, r.task, r.kind, r.crashes, r.job_key, r.claimed_key,
        r.slots, r.pattern, r.rate_limit, r.rate_per, r.rank + (
            select count(*) from others
            where others.queue = r.queue and (others.priority, others.run_at, others.id) < (r.priority, r.run_at, r.id)
        ))::kongflow.picked_job order by r.n)
    into v_ranked
    from picked as r;
    return v_ranked;
end
$$
