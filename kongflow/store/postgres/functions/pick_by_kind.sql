-- Purpose: as pick, where ready jobs are about that the runner does not take, perhaps a million: it looks at the best
-- of each kind that it takes; of kinds that do not tell whether it serves their queues, at the best of each queue that
-- it does. May find fewer than there are; `exhausted` says that there are no more. Caller: claim. Locks: the best jobs
-- of each kind, without waiting.
create or replace function kongflow.pick_by_kind(
    p_runner kongflow.runner, p_limit integer, p_suspects integer, p_after text[],
    out picked kongflow.picked_job[], out exhausted boolean, out reached text[]
)
language plpgsql set jit = off set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_job record;
    v_kind bigint := -9223372036854775808;
    v_kinds bigint[] := '{}';
    v_queues text[] := '{}';
    v_doubtful bigint[] := '{}';
    v_named record;
    v_each integer;
begin
    loop
        select kind, task, flags, queue, rule into v_job from kongflow.job
        where state = 2 and run_at is not null and kind > v_kind order by kind limit 1;
        exit when not found;
        v_kind := v_job.kind;
        if kongflow.takes_kind(p_runner, v_job.task, v_job.flags, v_job.queue, v_job.rule) then
            if p_runner.serves is null or v_job.rule = any (p_runner.serves) then
                v_kinds := v_kinds || v_kind;
                v_queues := v_queues || null::text;
            else
                v_doubtful := v_doubtful || v_kind;
            end if;
        end if;
    end loop;
    if v_doubtful <> '{}' then
        select * into v_named from kongflow.served_names(p_runner, v_doubtful, p_after);
        v_kinds := v_kinds || v_named.kinds;
        v_queues := v_queues || v_named.queues;
        reached := v_named.reached;
    end if;
    -- As many of each kind as make twice the limit together: all of them are locked until the claim ends.
    v_each := least(p_limit, greatest(2 * p_limit / greatest(cardinality(v_kinds), 1), 10));
    execute format(
        $pick$
        with heads as materialized (
            select best.* from unnest($1, $8) as kinds (kind, queue)
            cross join lateral (
                select *, row_number() over () as place
                from (
                    select * from (
                        select id, queue, priority, run_at, task, kind, crashes, job_key, claimed_key
                        from kongflow.job
                        where kinds.queue is null and state = 2 and run_at is not null and kind = kinds.kind
                            and task = any ($2) and not coalesce(flags && $3, false)
                            and ($4 is null or kongflow.serves($4, $5, queue))
                            and (crashes = 0 or $6 > 0 or not kongflow.is_suspect($7, task, crashes))
                        order by priority, run_at, id
                        limit %1$s
                        for update skip locked
                    ) as of_kind
                    union all
                    select * from (
                        select id, queue, priority, run_at, task, kind, crashes, job_key, claimed_key
                        from kongflow.job
                        where state = 2 and queue = kinds.queue and kind = kinds.kind
                            and task = any ($2) and not coalesce(flags && $3, false)
                            and (crashes = 0 or $6 > 0 or not kongflow.is_suspect($7, task, crashes))
                        order by priority, run_at, id
                        limit %1$s
                        for update skip locked
                    ) as of_queue
                ) as locked
            ) as best
        ), known as (
            -- Behind the last head of a kind there may be more of it: what is worse than that is not known to be next.
            select *,
                bool_or(place = %1$s)
                    over (order by priority, run_at, id rows between unbounded preceding and 1 preceding)
                    as is_doubtful,
                row_number() over (order by priority, run_at, id) as n
            from heads
        )
        select coalesce(array_agg((n, id, queue, priority, run_at, task, kind, crashes, job_key, claimed_key, null,
                null, null, null, null)::kongflow.picked_job order by n)
            filter (where is_doubtful is not true and n <= %2$s), '{}'),
            count(*) filter (where is_doubtful is not true and n <= %2$s) >= %2$s or bool_and(place < %1$s) is not false
        from known
        $pick$,
        v_each, p_limit
    ) into picked, exhausted
    using v_kinds, p_runner.tasks, p_runner.forbidden_flags, p_runner.serves, p_runner.config, p_suspects,
        p_runner.terms,
        v_queues;
end
$$
