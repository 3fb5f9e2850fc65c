-- Purpose: add jobs, all or none; ids grow in their order. Of several of one key the last is added and stands for all:
-- no row comes back for the others. Caller: insert, insert_in; so also inside a transaction of the user's.
-- Locks: of each key its never-claimed job and its note, in the order of the keys; nothing else.
create or replace function kongflow.add_jobs(
    p_tasks text[], p_payloads text[], p_queues text[], p_rules text[], p_priorities integer[], p_run_ats timestamptz[],
    p_delays double precision[], p_max_attempts integer[], p_keys text[], p_modes text[], p_flags text[], p_tags text[],
    p_awaited boolean[], p_shift interval
) returns setof kongflow.added_job
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_now timestamptz := date_trunc('milliseconds', clock_timestamp() + p_shift);
    v_jobs kongflow.new_job[];
    v_job kongflow.new_job;
begin
    perform kongflow.durable();
    v_jobs := array(
        select (
            e.n, nextval(pg_get_serial_sequence('kongflow.job', 'id')), e.task, e.payload, e.queue, e.rule, e.priority,
            coalesce(e.run_at, kongflow.later(v_now, e.delay)), e.max_attempts, e.key, e.mode, kongflow.names(e.flags),
            kongflow.names(e.tags), e.awaited
        )::kongflow.new_job
        from unnest(p_tasks, p_payloads, p_queues, p_rules, p_priorities, p_run_ats, p_delays, p_max_attempts, p_keys,
            p_modes, p_flags, p_tags, p_awaited) with ordinality
            as e (task, payload, queue, rule, priority, run_at, delay, max_attempts, key, mode, flags, tags, awaited, n)
        order by e.n
    );
    return query
    with added as (
        insert into kongflow.job (id, task, state, queue, rule, priority, run_at, ready_at, created_at, max_attempts,
            flags, tags, awaited, payload)
        select id, task, case when run_at <= v_now then 2 else 1 end, queue, rule, priority, run_at,
            greatest(run_at, v_now), v_now, max_attempts, flags, tags, awaited, payload::json
        from unnest(v_jobs) where key is null
        returning id, state
    )
    select j.n, true, j.id, added.state, j.run_at, v_now, null::text
    from unnest(v_jobs) j join added using (id);
    if array_remove(p_keys, null) <> '{}' then
        for v_job in
            select distinct on (key collate "C") * from unnest(v_jobs) where key is not null
            order by key collate "C", n desc
        loop
            return next kongflow.add_keyed(v_job, v_now);
        end loop;
    end if;
end
$$
