-- Purpose: say whether the next claims will put a lane right: it, or for a pattern one of its queues, is noted.
-- Caller: normalise. Locks: nothing.
create or replace function kongflow.is_noted(p_lane text) returns boolean
language sql as $$
    select exists (
            select from kongflow.lane_check
            where not sweep and lane = p_lane or sweep and lane < p_lane and (up_to is null or up_to >= p_lane)
        )
        or exists (
            select from kongflow.rule r join kongflow.lane_check c
                on not c.sweep and starts_with(c.lane, r.prefix) and right(c.lane, length(r.suffix)) = r.suffix
            where r.config = (select value from kongflow.meta where name = 'in_force') and r.is_pattern
                and r.name = p_lane
        )
$$
