-- Purpose: put noted lanes right, and those whose rate limit is filled again, up to `p_most`, with the patterns that their
-- queues share; returns how many there were. Caller: claim, repair. Locks: the notes, without waiting; the lanes, in the
-- order of their names.
create or replace function kongflow.put_right(p_most integer, p_now timestamptz) returns integer
language plpgsql as $$
declare
    v_lanes text[];
begin
    with taken as (
        delete from kongflow.lane_check
        where ctid in (select ctid from kongflow.lane_check limit p_most for update skip locked)
        returning lane
    )
    select array_agg(lane) into v_lanes from (
        select lane from taken
        union
        (select name from kongflow.lane where refill_at <= p_now limit p_most)
    ) as due;
    if v_lanes is null then
        return 0;
    end if;
    perform kongflow.normalise(
        array(select lane from unnest(v_lanes || kongflow.patterns_of(v_lanes)) as l (lane) group by lane), p_now
    );
    return cardinality(v_lanes);
end
$$
