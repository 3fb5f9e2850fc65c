-- Purpose: say whether a queue is paused, itself or with the pattern that it belongs to. Caller: pending. Locks:
-- nothing.
create or replace function kongflow.is_paused(p_queue text) returns boolean
language sql stable as $$
    select exists (select from kongflow.pause)
        and exists (
            select from kongflow.pause p
            where p.name in (
                p_queue,
                (select r.name from kongflow.meta m, kongflow.rule_of(m.value, p_queue) as r where m.name = 'in_force')
            )
        )
$$
