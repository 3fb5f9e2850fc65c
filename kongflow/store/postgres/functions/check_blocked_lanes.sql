-- Purpose: note every lane with blocked jobs for the next claims: who may take what, or a limit, has changed.
-- Caller: roster_changed, resume. Locks: nothing that anybody waits for.
create or replace function kongflow.check_blocked_lanes() returns void
language sql as $$
    insert into kongflow.lane_check (lane, with_all)
    select lane, true
    from unnest(kongflow.blocked_lanes('', 2147483647)) as blocked (lane)
    except
    select lane, true from kongflow.lane_check;
$$
