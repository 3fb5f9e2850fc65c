-- Purpose: write the results of routing, in id order, and return the ids of jobs that were still unrouted. A result
-- with a failure ends the job. Caller: route. Locks: as route_job, for each; for producers of the same keys it waits
-- for 100 ms, for all of them together.
create or replace function kongflow.route(
    p_ids bigint[], p_tasks text[], p_payloads text[], p_queues text[], p_rules text[], p_priorities integer[],
    p_run_ats timestamptz[], p_delays double precision[], p_max_attempts integer[], p_keys text[], p_modes text[],
    p_flags text[], p_tags text[], p_failures text[], p_ended text[], p_keeps boolean[], p_retention double precision,
    p_shift interval
) returns bigint[]
language plpgsql as $$
declare
    v_now timestamptz := date_trunc('milliseconds', clock_timestamp() + p_shift);
    v_entry record;
    v_routed bigint[] := '{}';
    v_done boolean;
    v_until timestamptz := clock_timestamp() + interval '100 ms';
begin
    for v_entry in
        select * from unnest(p_ids, p_tasks, p_payloads, p_queues, p_rules, p_priorities, p_run_ats, p_delays,
            p_max_attempts, p_keys, p_modes, p_flags, p_tags, p_failures, p_ended, p_keeps)
            as e (id, task, payload, queue, rule, priority, run_at, delay, max_attempts, key, mode, flags, tags,
                failure, ended, keep)
        order by id
    loop
        if v_entry.failure is null then
            v_done := kongflow.route_job(
                (0, v_entry.id, v_entry.task, v_entry.payload, v_entry.queue, v_entry.rule, v_entry.priority,
                    v_entry.run_at, v_entry.max_attempts, v_entry.key, v_entry.mode, kongflow.names(v_entry.flags),
                    kongflow.names(v_entry.tags), false)::kongflow.new_job,
                v_entry.delay, v_now, v_until
            );
        else
            perform from kongflow.job where id = v_entry.id and state + 0 = 0 for update skip locked;
            v_done := found and kongflow.finish_waiting(v_entry.id, 6, v_entry.failure, v_entry.ended::jsonb,
                v_entry.keep,
                kongflow.later(v_now, p_retention), v_now);
        end if;
        if v_done then
            v_routed := v_routed || v_entry.id;
        end if;
    end loop;
    return v_routed;
end
$$
