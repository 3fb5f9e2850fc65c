-- Purpose: make the blocked jobs of a lane that has no limit any more ready, up to 2,000 at a time; the lane is noted
-- where there may be more. Caller: normalise. Locks: the jobs, without waiting.
create or replace function kongflow.promote_all(p_lane text) returns integer
language plpgsql as $$
declare
    v_promoted integer := kongflow.promote_further(p_lane, 2000);
begin
    if v_promoted = 2000 then
        insert into kongflow.lane_check (lane) values (p_lane);
    end if;
    return v_promoted;
end
$$
