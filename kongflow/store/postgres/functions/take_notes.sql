-- Purpose: take the notes of up to `p_most` lanes, however many there are of one, and return these lanes. Caller:
-- put_right. Locks: the notes, without waiting; those that somebody else has just taken are left out.
create or replace function kongflow.take_notes(p_most integer) returns text[]
language plpgsql set jit = off set enable_seqscan = off set enable_bitmapscan = off as $$
declare
    v_lanes text[] := '{}';
    v_lane text collate "C" := '';
begin
    while cardinality(v_lanes) < p_most loop
        select lane into v_lane from kongflow.lane_check where not sweep and lane > v_lane
        order by lane limit 1
        for update skip locked;
        exit when not found;
        v_lanes := v_lanes || v_lane;
    end loop;
    delete from kongflow.lane_check
    where ctid = any (array(
        select ctid from kongflow.lane_check where not sweep and lane = any (v_lanes) limit 10000 for update skip locked
    ));
    return v_lanes;
end
$$
