-- Purpose: let the next claims look at every lane with blocked jobs: who may take what, or a limit, has changed. A
-- sweep that is under way goes on from its place and round to it again: else where changes follow one another the last
-- names would never be reached. Caller: roster_changed, resume, check_blocked_lanes, which have locked the roster.
-- Locks: nothing that anybody waits for.
create or replace function kongflow.check_blocked_lanes() returns void
language sql as $$
    with before as (
        delete from kongflow.lane_check where sweep returning lane
    ), place as (
        select coalesce(max(lane), '') as lane from before
    )
    insert into kongflow.lane_check (lane, sweep, up_to)
    select lane, true, null from place
    union all
    select '', true, lane from place where lane <> '';
$$
