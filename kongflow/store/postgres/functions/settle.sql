-- Purpose: write the ends of attempts, each fenced by its lease, and hand freed queue slots on; one verdict each, in
-- order. `p_dead`: they are those of a runner that is gone; where it has come back, nothing is written. Caller: settle, rescue. Locks: the roster, shared; the jobs; then the lanes, in the order of their names.
create or replace function kongflow.settle(
    p_ends kongflow.attempt_end[], p_retention double precision[], p_dead bigint, p_shift interval
) returns integer[]
language plpgsql set lock_timeout = '5s' as $$
declare
    v_verdicts kongflow.attempt_verdict[];
    v_queues text[];
begin
    perform kongflow.share_roster();
    if exists (select from kongflow.runner where id = p_dead and alive) then
        return array(select 0 from unnest(p_ends));
    end if;
    v_verdicts := array(
        select v::kongflow.attempt_verdict
        from kongflow.end_attempts(p_ends, p_retention, clock_timestamp() + p_shift) as v
    );
    v_queues := array(select queue from unnest(v_verdicts) where queue is not null);
    if cardinality(v_queues) > 0 then
        perform kongflow.free_slots(v_queues);
    end if;
    return array(
        select coalesce(v.verdict, 0) from unnest(p_ends) as e left join unnest(v_verdicts) as v using (n) order by e.n
    );
end
$$
