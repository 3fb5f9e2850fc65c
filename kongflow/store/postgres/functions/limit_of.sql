-- Purpose: as limits_of, for one queue. Caller: normalise, roster_changed. Locks: nothing.
create or replace function kongflow.limit_of(p_queue text) returns integer
language sql stable as $$
    select slots from kongflow.limits_of(array[p_queue])
$$
