-- Purpose: lock the best ready jobs that a runner may take which serves every queue. Caller: claim. Locks: the jobs,
-- without waiting. The index has them in order, and the planner must not be of another mind because its statistics are
-- old: it would read and sort all that are ready. The limit is written into the statement for the same reason: for a
-- parameter it plans with a tenth of the table.
create or replace function kongflow.pick(p_runner kongflow.runner, p_limit integer, p_suspects integer)
returns kongflow.picked_job[]
language plpgsql set jit = off set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_picked kongflow.picked_job[];
begin
    execute format(
        $pick$
        select array_agg(
            (row_number, id, queue, priority, run_at, task, kind, crashes, job_key, claimed_key, null, null, null, null,
                null)::kongflow.picked_job
        )
        from (
            select row_number() over (), locked.* from (
                select id, queue, priority, run_at, task, kind, crashes, job_key, claimed_key
                from kongflow.job
                where state = 2 and priority is not null and task = any ($1) and not coalesce(flags && $2, false)
                    and (crashes = 0 or $3 > 0 or not kongflow.is_suspect($4, task, crashes))
                order by priority, run_at, id
                limit %s
                for update skip locked
            ) as locked
        ) as numbered
        $pick$,
        p_limit
    ) into v_picked
    using p_runner.tasks, p_runner.forbidden_flags, p_suspects, p_runner.terms;
    return v_picked;
end
$$
