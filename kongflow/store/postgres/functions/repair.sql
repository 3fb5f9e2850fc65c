-- Purpose: put up to `p_limit` lanes with blocked jobs right, from the one after `p_after` on; noted ones come first.
-- Returns how many jobs were promoted that nothing else pointed at, and the place to go on from. Also looks whether
-- ready jobs of kinds that the runner does not take are about. Caller: repair.
-- Locks: the roster, shared; the lanes, in the order of their names; then the runner, without waiting.
create or replace function kongflow.repair(
    p_runner bigint, p_after text, p_limit integer, p_shift interval, out promoted integer, out reached text
)
language plpgsql as $$
declare
    v_lanes text[];
    v_now timestamptz := clock_timestamp() + p_shift;
begin
    promoted := 0;
    reached := p_after;
    perform kongflow.share_roster();
    if kongflow.put_right(p_limit, v_now) = 0 then
        v_lanes := kongflow.blocked_lanes(p_after, p_limit);
        promoted := kongflow.normalise(v_lanes, v_now, true);
        reached := case when cardinality(v_lanes) = p_limit then v_lanes[p_limit] else '' end;
    end if;
    perform kongflow.look_by_kind(p_runner, 0);
end
$$
