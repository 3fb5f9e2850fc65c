-- Purpose: let a queue or pattern start jobs again; false where it was not paused. Caller: resume. Locks: the roster.
create or replace function kongflow.resume(p_name text) returns boolean
language plpgsql as $$
begin
    perform kongflow.durable();
    perform kongflow.lock_roster();
    delete from kongflow.pause where name = p_name;
    if not found then
        return false;
    end if;
    perform kongflow.check_blocked_lanes();
    return true;
end
$$
