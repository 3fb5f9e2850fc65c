-- Purpose: say whether any live runner may take jobs of the kind of this one. Caller: ready_kinds, blocked_kinds,
-- free_slots. Locks: nothing.
create or replace function kongflow.takeable_kind(p_task text, p_flags text[], p_queue text, p_rule text)
    returns boolean
language sql stable as $$
    select exists (
        select from kongflow.taker
        where task = p_task
            and not coalesce(forbidden_flags && p_flags, false)
            and kongflow.may_serve(serves, p_queue, p_rule)
    )
$$
