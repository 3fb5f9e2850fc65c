-- Purpose: return how many jobs of each of several queues may run at once by the config in force; null is unlimited. A name
-- that no rule matches is serial. Caller: take_slots, normalise, roster_changed. Locks: nothing.
create or replace function kongflow.limits_of(p_queues text[]) returns setof kongflow.queue_limit
language plpgsql stable as $$
declare
    v_config text := (select value from kongflow.meta where name = 'in_force');
begin
    return query
    select names.name, case when rule.name is null then 1 else rule.concurrency end
    from unnest(p_queues) as names (name)
    left join kongflow.rule_of(v_config, names.name) as rule on true;
end
$$
