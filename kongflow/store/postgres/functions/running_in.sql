-- Purpose: count the running jobs of lanes; none for one where nothing runs. Caller: normalise, roster_changed.
-- Locks: nothing.
create or replace function kongflow.running_in(p_lanes text[]) returns table (lane text, running integer)
language plpgsql stable as $$
#variable_conflict use_column
declare
    v_config text := (select value from kongflow.meta where name = 'in_force');
begin
    return query
    select queue, count(*)::integer from kongflow.job where state = 4 and queue = any (p_lanes) group by queue;
    if exists (select from unnest(p_lanes) as l (name) where strpos(name, '*') > 0) then
        return query
        select rule.name, sum(busy.running)::integer
        from (
            select queue, count(*) as running from kongflow.job where state = 4 and queue is not null group by queue
        ) as busy
        cross join lateral kongflow.rule_of(v_config, busy.queue) as rule
        where rule.is_pattern and rule.name = any (p_lanes)
        group by rule.name;
    end if;
end
$$
