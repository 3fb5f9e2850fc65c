-- Purpose: put up to `p_limit` queues with blocked jobs right, from the one after `p_after` on; noted ones come first.
-- Returns how many jobs were promoted that nothing else pointed at, and the place to go on from. Caller: repair.
-- Locks: the roster, shared; the lanes, in the order of their names.
create or replace function kongflow.repair(p_after text, p_limit integer, out promoted integer, out reached text)
language plpgsql set lock_timeout = '5s' as $$
declare
    v_queues text[];
begin
    promoted := 0;
    reached := p_after;
    perform kongflow.share_roster();
    if kongflow.normalise_noted(p_limit) = 0 then
        v_queues := kongflow.blocked_queues(p_after, p_limit);
        promoted := kongflow.normalise(v_queues);
        reached := case when cardinality(v_queues) = p_limit then v_queues[p_limit] else '' end;
    end if;
end
$$
