-- Purpose: put noted lanes right, and those whose rate limit is filled again, up to `p_most`, with the patterns that their
-- queues share; returns how many there were. Single notes come first: a hundred thousand of a deploy must not keep them
-- waiting. Caller: claim, repair. Locks: the notes, without waiting; the lanes, in the order of their names.
create or replace function kongflow.put_right(p_most integer, p_now timestamptz) returns integer
language plpgsql set enable_seqscan = off as $$
declare
    v_lanes text[];
begin
    with single as (
        delete from kongflow.lane_check
        where ctid = any (array(
            select ctid from kongflow.lane_check where not with_all limit p_most for update skip locked
        ))
        returning lane
    ), of_all as (
        delete from kongflow.lane_check
        where ctid = any (array(select ctid from kongflow.lane_check where with_all limit p_most for update skip locked))
        returning lane
    )
    select array_agg(lane) into v_lanes from (
        select lane from single
        union
        select lane from of_all
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
