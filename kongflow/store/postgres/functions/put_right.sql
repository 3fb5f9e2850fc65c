-- Purpose: put noted lanes right, those whose rate limit is filled again, and, where few are noted, the next ones of a
-- sweep, up to `p_most` of each, with the patterns that their queues share; returns how many there were. Caller: claim,
-- repair. Locks: the notes, without waiting; the lanes, in the order of their names.
create or replace function kongflow.put_right(p_most integer, p_now timestamptz) returns integer
language plpgsql set jit = off set enable_seqscan = off as $$
declare
    v_noted text[] := kongflow.take_notes(p_most);
    v_swept text[] := '{}';
    v_lanes text[];
begin
    if cardinality(v_noted) < p_most then
        v_swept := kongflow.sweep(p_most);
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
