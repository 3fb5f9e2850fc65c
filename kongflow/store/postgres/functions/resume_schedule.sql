-- Purpose: let the slots of a schedule add jobs again, from now on; false where it was not paused. Caller:
-- resume_schedule. Locks: the schedule, for which it waits.
create or replace function kongflow.resume_schedule(p_name text, p_shift interval) returns boolean
language plpgsql as $$
begin
    perform kongflow.durable();
    perform from kongflow.schedule where name = p_name for update;
    delete from kongflow.schedule_pause where name = p_name;
    if not found then
        return false;
    end if;
    update kongflow.schedule set decided_up_to = date_trunc('milliseconds', clock_timestamp() + p_shift)
    where name = p_name;
    return true;
end
$$
