-- Purpose: return how many jobs of a queue may run at once by the config in force; null is unlimited. A name that no rule
-- matches is serial. Caller: claim, normalise. Locks: nothing.
create or replace function kongflow.limit_of(p_queue text) returns integer
language sql stable as $$
    select case when rule.name is null then 1 else rule.concurrency end
    from (values (true)) as always
    left join kongflow.rule_of((select value from kongflow.meta where name = 'in_force'), p_queue) as rule on true
$$
