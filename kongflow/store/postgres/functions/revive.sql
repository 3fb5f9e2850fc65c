-- Purpose: bring back a runner that was called dead and is not. Caller: renew, claim. Locks: the roster.
create or replace function kongflow.revive(p_runner bigint, p_now timestamptz) returns void
language plpgsql as $$
begin
    perform kongflow.lock_roster();
    update kongflow.runner set alive = true, seen_at = p_now where id = p_runner and not alive and not has_left;
    if found then
        perform kongflow.roster_changed();
    end if;
end
$$
