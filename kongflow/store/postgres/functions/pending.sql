-- Purpose: count what is left as one runner sees it: what it could take now, once a running job ends, or once the
-- runner that holds it is called lost; what waits for its time or for the end of a pause; and what is for others. Jobs
-- that are alike are counted first and judged together, once; rules are looked up only where a pause or a choice of
-- queues needs them, and in the statement itself: a call of a function for each of a million queues takes too long.
-- Caller: pending. Locks: nothing.
create or replace function kongflow.pending(
    p_runner bigint, p_shift interval, out now bigint, out later bigint, out others bigint
)
language sql stable as $$
    with known as materialized (
        select array(
                select id from kongflow.runner where alive and seen_at + lease >= clock_timestamp() + p_shift
            ) as living,
            array(select name from kongflow.pause) as paused,
            (select value from kongflow.meta where name = 'in_force') as in_force
    ), alike as materialized (
        select j.state, j.task, j.flags, j.queue, j.state = 4 and j.runner = any (known.living) as is_held,
            j.state = 1 and j.run_at > clock_timestamp() + p_shift as is_early, count(*) as jobs
        from kongflow.job j, known
        where j.state < 4 or j.runner <> p_runner
        group by j.state, j.task, j.flags, j.queue, is_held, is_early
    ), judged as materialized (
        select a.jobs,
            a.is_early or coalesce(
                a.queue = any (known.paused) or cardinality(known.paused) > 0
                    and (select name from kongflow.rule_of(known.in_force, a.queue)) = any (known.paused),
                false
            ) as waits,
            not a.is_held and coalesce(
                a.task = any (r.tasks) and not coalesce(a.flags && r.forbidden_flags, false) and (
                    r.serves is null
                    or coalesce((select name from kongflow.rule_of(r.config, a.queue)), a.queue) = any (r.serves)
                ),
                false
            ) as mine
        from alike a cross join known left join kongflow.runner r on r.id = p_runner and r.alive
    )
    select coalesce(sum(jobs) filter (where mine and not waits), 0)::bigint,
        coalesce(sum(jobs) filter (where mine and waits), 0)::bigint,
        coalesce(sum(jobs) filter (where not mine), 0)::bigint
    from judged
$$
