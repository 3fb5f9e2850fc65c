-- Purpose: say whether a runner has the config that is in force. Caller: fire. Locks: nothing.
create or replace function kongflow.is_in_force(p_runner bigint) returns boolean
language sql stable as $$
    select exists (
        select from kongflow.runner r join kongflow.meta m on m.name = 'in_force' and m.value = r.config
        where r.id = p_runner
    )
$$
