-- Purpose: say whether the next crash of a job would fail it, by the terms of the runner. Caller: claim.
-- Locks: nothing.
create or replace function kongflow.is_suspect(p_terms jsonb, p_task text, p_crashes integer) returns boolean
language sql immutable as $$
    select p_crashes > 0 and p_crashes + 1 >= (p_terms -> p_task ->> 'crash_limit')::integer
$$
