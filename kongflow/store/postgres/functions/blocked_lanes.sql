-- Purpose: list lanes with blocked jobs after a place, in the order of their names. It jumps from one name to the next:
-- a lane may hold a million. Caller: repair. Locks: nothing.
create or replace function kongflow.blocked_lanes(p_after text, p_limit integer) returns text[]
language plpgsql stable set jit = off set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_lanes text[] := '{}';
    v_lane text collate "C" := p_after;
begin
    while cardinality(v_lanes) < p_limit loop
        select lane into v_lane from kongflow.job where state = 3 and lane > v_lane order by lane limit 1;
        exit when not found;
        v_lanes := v_lanes || v_lane;
    end loop;
    return v_lanes;
end
$$
