-- Purpose: note every lane with blocked jobs for the next claims: who may take what, or a limit, has changed.
-- Caller: roster_changed, resume, which have locked the roster. Locks: nothing that anybody waits for.
create or replace function kongflow.check_blocked_lanes() returns void
language sql as $$
    delete from kongflow.lane_check where sweep;
    insert into kongflow.lane_check (lane, sweep) values ('', true);
$$
