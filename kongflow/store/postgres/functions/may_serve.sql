-- Purpose: say whether a runner that serves some queues may take jobs of a kind: of the declared queue or pattern that
-- they belonged to when somebody looked last. Each job is looked at again. Caller: pick_by_kind, takeable_kind, others.
-- Locks: nothing.
create or replace function kongflow.may_serve(p_serves text[], p_queue text, p_rule text) returns boolean
language sql immutable as $$
    select p_serves is null
        or p_queue is not null
            and (
                p_rule is null
                or exists (select from unnest(p_serves) as s (name) where kongflow.overlap(s.name, p_rule))
            )
$$
