-- Purpose: say whether any live runner may take a job. Caller: claim, settle, normalise. Locks: nothing.
create or replace function kongflow.takeable(p_task text, p_flags text[], p_queue text) returns boolean
language sql stable as $$
    select exists (
        select from kongflow.taker
        where task = p_task
            and not coalesce(forbidden_flags && p_flags, false)
            and (serves is null or kongflow.serves(serves, config, p_queue))
    )
$$
