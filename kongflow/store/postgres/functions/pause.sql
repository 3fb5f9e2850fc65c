-- Purpose: let nothing of a queue or pattern start any more. Caller: pause. Locks: the roster, so that no claim goes by
-- the limits of before.
create or replace function kongflow.pause(p_name text, p_reason text, p_author text, p_shift interval) returns void
language plpgsql as $$
begin
    perform kongflow.durable();
    perform kongflow.lock_roster();
    insert into kongflow.pause (name, reason, author, paused_at)
    values (p_name, p_reason, p_author, clock_timestamp() + p_shift)
    on conflict (name) do update
    set reason = excluded.reason, author = excluded.author, paused_at = excluded.paused_at;
end
$$
