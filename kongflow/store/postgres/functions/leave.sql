-- Purpose: unregister a runner; its row stays, so that its jobs can be traced. Caller: leave. Locks: the roster.
create or replace function kongflow.leave(p_runner bigint) returns void
language plpgsql as $$
begin
    perform kongflow.lock_roster();
    update kongflow.runner set alive = false, has_left = true where id = p_runner and not has_left;
    if found then
        perform kongflow.roster_changed();
    end if;
end
$$
