-- Purpose: say whether a runner may take jobs of the kind of this one. Caller: pick_by_kind, look_by_kind. Locks:
-- nothing.
create or replace function kongflow.takes_kind(
    p_runner kongflow.runner, p_task text, p_flags text[], p_queue text, p_rule text
) returns boolean
language sql immutable as $$
    select p_task = any (p_runner.tasks) and not coalesce(p_flags && p_runner.forbidden_flags, false)
        and kongflow.may_serve(p_runner.serves, p_queue, p_rule)
$$
