-- Purpose: register a runner and publish its config, which comes last unless a live runner has it already; returns the
-- runner's id. `p_rules` are the names of queues with their limits. Caller: join. Locks: the roster.
create or replace function kongflow.join(
    p_host text, p_pid integer, p_config text, p_rules jsonb, p_retention double precision[], p_declared text,
    p_serves text[], p_tasks text[], p_forbidden_flags text[], p_terms jsonb, p_lease double precision,
    p_ticks boolean, p_shift interval
) returns bigint
language plpgsql as $$
declare
    v_runner bigint;
begin
    perform kongflow.lock_roster();
    insert into kongflow.config as c (hash, came, retention, declared)
    values (p_config, (select coalesce(max(came), 0) + 1 from kongflow.config), p_retention, p_declared)
    on conflict (hash) do update
    set retention = excluded.retention,
        declared = excluded.declared,
        came = case
            when exists (select from kongflow.runner r where r.alive and r.config = excluded.hash) then c.came
            else excluded.came
        end;
    insert into kongflow.rule (config, name, is_pattern, prefix, suffix, concurrency, max_active, rate_limit, rate_per)
    select p_config, name, strpos(name, '*') > 0, split_part(name, '*', 1), split_part(name, '*', 2),
        (limits ->> 'concurrency')::integer, (limits ->> 'max_active')::integer, (limits ->> 'rate_limit')::integer,
        (limits ->> 'rate_per')::double precision
    from jsonb_each(p_rules) as rules (name, limits)
    on conflict (config, name) do update
    set concurrency = excluded.concurrency, max_active = excluded.max_active, rate_limit = excluded.rate_limit,
        rate_per = excluded.rate_per;
    insert into kongflow.runner (id, host, pid, config, serves, tasks, forbidden_flags, terms, lease, ticks,
        seen_at)
    values (kongflow.draw_number(), p_host, p_pid, p_config, p_serves, p_tasks, p_forbidden_flags, p_terms,
        make_interval(secs => p_lease), p_ticks, clock_timestamp() + p_shift)
    returning id into v_runner;
    perform kongflow.roster_changed();
    return v_runner;
end
$$
