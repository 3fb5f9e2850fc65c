-- Purpose: find the queue or pattern of a config that a concrete queue name belongs to: exact beats pattern, and among
-- patterns the longest literal prefix wins (core/queue.py says the same in Python). Caller: limits_of, serves, pending.
-- Locks: nothing.
create or replace function kongflow.rule_of(p_config text, p_queue text) returns setof kongflow.rule
language sql stable as $$
    select * from kongflow.rule
    where config = p_config
        and (
            name = p_queue and not is_pattern
            or is_pattern and length(p_queue) > length(prefix) + length(suffix)
                and starts_with(p_queue, prefix) and right(p_queue, length(suffix)) = suffix
        )
    order by is_pattern, length(prefix) desc
    limit 1
$$
