-- Purpose: write that a runner is alive, and return its leases; before them a row without a lease that tells the time
-- of the server, with the runner's id where its row is still there.
-- Caller: the heartbeat. Locks: the runner; the roster where it was called dead and comes back.
create or replace function kongflow.renew(p_runner bigint, p_shift interval)
returns table (id bigint, lease bigint, server_time timestamptz)
language plpgsql as $$
#variable_conflict use_column
begin
    update kongflow.runner set seen_at = clock_timestamp() + p_shift where runner.id = p_runner and alive;
    if not found then
        perform kongflow.revive(p_runner, clock_timestamp() + p_shift);
    end if;
    return query
    select (select r.id from kongflow.runner as r where r.id = p_runner), null::bigint, clock_timestamp()
    union all
    select id, lease, null::timestamptz from kongflow.job where state = 4 and runner = p_runner;
end
$$
