-- Purpose: call a runner dead, unless it has renewed since it was seen expired. Caller: rescue. Locks: the roster.
create or replace function kongflow.declare_dead(p_runner bigint, p_seen_at timestamptz) returns boolean
language plpgsql as $$
begin
    perform kongflow.lock_roster();
    update kongflow.runner set alive = false where id = p_runner and alive and seen_at = p_seen_at;
    if not found then
        return false;
    end if;
    perform kongflow.roster_changed();
    return true;
end
$$
