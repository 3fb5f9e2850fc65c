-- Purpose: let the slots of a schedule add nothing any more; one that waits is given up. Caller: pause_schedule.
-- Locks: the schedule, for which it waits.
create or replace function kongflow.pause_schedule(
    p_name text, p_reason text, p_author text, p_shift interval
) returns void
language plpgsql as $$
declare
    v_now timestamptz := date_trunc('milliseconds', clock_timestamp() + p_shift);
begin
    perform kongflow.durable();
    perform from kongflow.schedule where name = p_name for update;
    insert into kongflow.schedule_pause (name, reason, author, paused_at) values (p_name, p_reason, p_author, v_now)
    on conflict (name) do update
    set reason = excluded.reason, author = excluded.author, paused_at = excluded.paused_at;
    update kongflow.slot set outcome = 'skipped', note = 'the schedule was paused while it waited'
    where schedule = p_name and at = (select waiting_slot from kongflow.schedule where name = p_name);
    update kongflow.schedule set waiting_slot = null, waiting_backfilled = null where name = p_name;
end
$$
