-- Purpose: say whether a runner that serves some queues, named as its config declares them, takes jobs of a queue.
-- `p_serves` null: everything, jobs without a queue included. Caller: claim, takeable. Locks: nothing.
create or replace function kongflow.serves(p_serves text[], p_config text, p_queue text) returns boolean
language sql stable as $$
    select p_serves is null
        or p_queue is not null
            and coalesce((select name from kongflow.rule_of(p_config, p_queue)), p_queue) = any (p_serves)
$$
