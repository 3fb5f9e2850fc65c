-- Purpose: say whether the next claims will put a lane right: it, or for a pattern one of its queues, is noted.
-- Caller: normalise. Locks: nothing.
create or replace function kongflow.is_noted(p_lane text) returns boolean
language sql as $$
    select exists (select from kongflow.lane_check where not sweep and lane = p_lane or sweep and lane < p_lane)
        or strpos(p_lane, '*') > 0 and exists (
            select from kongflow.lane_check c where not sweep and p_lane = any (kongflow.patterns_of(array[c.lane]))
        )
$$
