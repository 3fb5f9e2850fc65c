-- Purpose: return the lanes that queues share with others, one for each queue that shares one: patterns with
-- `max_active`. Caller: free_slots, normalise. Locks: nothing.
create or replace function kongflow.patterns_of(p_queues text[]) returns text[]
language plpgsql stable as $$
begin
    if not exists (
        select from kongflow.rule
        where config = (select value from kongflow.meta where name = 'in_force') and is_pattern
            and max_active is not null
    ) then
        return '{}';
    end if;
    return array(
        select l.pattern
        from unnest(p_queues) as q (queue)
        join kongflow.limits_of(array(select distinct queue from unnest(p_queues) as d (queue))) as l
            on l.lane = q.queue
        where l.pattern is not null
    );
end
$$
