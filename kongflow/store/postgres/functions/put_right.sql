-- Purpose: put noted lanes right, those whose rate limit is filled again, and, where few are noted, the next ones of a sweep, up
-- to `p_most` of each, with the patterns that their queues share; returns how many there were. Caller: claim, repair.
-- Locks: the notes, without waiting; the lanes, in the order of their names.
create or replace function kongflow.put_right(p_most integer, p_now timestamptz) returns integer
language plpgsql set enable_seqscan = off as $$
declare
    v_noted text[];
    v_after text;
    v_swept text[] := '{}';
    v_lanes text[];
begin
    with noted as (
        delete from kongflow.lane_check
        where ctid = any (array(
            select ctid from kongflow.lane_check where not sweep limit p_most for update skip locked
        ))
        returning lane
    )
    select coalesce(array_agg(lane), '{}') into v_noted from noted;
    if cardinality(v_noted) < p_most then
        delete from kongflow.lane_check
        where ctid = any (array(select ctid from kongflow.lane_check where sweep limit 1 for update skip locked))
        returning lane into v_after;
        if found then
            v_swept := kongflow.blocked_lanes(v_after, p_most);
            if cardinality(v_swept) = p_most then
                insert into kongflow.lane_check (lane, sweep) values (v_swept[p_most], true);
            end if;
        end if;
    end if;
    select array_agg(lane) into v_lanes from (
        select lane from unnest(v_noted || v_swept) as l (lane)
        union
        (select name from kongflow.lane where refill_at <= p_now limit p_most)
    ) as due;
    if v_lanes is null then
        return 0;
    end if;
    perform kongflow.normalise(v_lanes, p_now, false);
    return cardinality(v_lanes);
end
$$
