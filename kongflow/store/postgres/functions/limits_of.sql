-- Purpose: return what limits each of several lanes by the config in force. A queue that no rule matches is serial; a
-- paused one has no slot at all. Caller: take_slots, grant_slots, next_for, normalise, patterns_of, roster_changed.
-- Locks: nothing.
create or replace function kongflow.limits_of(p_lanes text[]) returns setof kongflow.lane_limit
language plpgsql stable as $$
declare
    v_config text := (select value from kongflow.meta where name = 'in_force');
    v_pauses boolean := exists (select from kongflow.pause);
begin
    return query
    select lanes.name,
        case
            when v_pauses and exists (select from kongflow.pause p where p.name in (lanes.name, rule.name)) then 0
            when rule.name is null then 1
            -- A queue with a rate has a lane, whatever its concurrency.
            else coalesce(
                case when rule.is_pattern then rule.concurrency else least(rule.concurrency, rule.max_active) end,
                case when rule.rate_limit is not null then 2147483647 end
            )
        end,
        case when rule.is_pattern and rule.max_active is not null then rule.name end, rule.rate_limit, rule.rate_per
    from unnest(p_lanes) as lanes (name)
    left join kongflow.rule_of(v_config, lanes.name) as rule on true
    where strpos(lanes.name, '*') = 0;
    return query
    select lanes.name,
        case when v_pauses and exists (select from kongflow.pause p where p.name = lanes.name)
            then 0 else rule.max_active end,
        null::text, null::integer, null::double precision
    from unnest(p_lanes) as lanes (name)
    left join kongflow.rule on rule.config = v_config and rule.name = lanes.name
    where strpos(lanes.name, '*') > 0;
end
$$
