-- Purpose: list queues with blocked jobs after a place, in the order of their names. It jumps from one name to the next:
-- a queue may hold a million. Caller: repair. Locks: nothing.
create or replace function kongflow.blocked_queues(p_after text, p_limit integer) returns text[]
language plpgsql stable as $$
declare
    v_queues text[] := '{}';
    v_queue text collate "C" := p_after;
begin
    while cardinality(v_queues) < p_limit loop
        select queue into v_queue from kongflow.job
        where state = 3 and queue is not null and queue > v_queue
        order by queue
        limit 1;
        exit when not found;
        v_queues := v_queues || v_queue;
    end loop;
    return v_queues;
end
$$
