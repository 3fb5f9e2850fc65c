-- Purpose: say whether jobs wait in a lane. A function of its own, so that many lanes are asked one by one: the planner
-- would join them with all blocked jobs. Caller: fill_lane, sweep, use_slots. Locks: nothing.
create or replace function kongflow.has_blocked(p_lane text) returns boolean
language plpgsql stable as $$
begin
    return exists (select from kongflow.job where state = 3 and lane = p_lane);
end
$$
