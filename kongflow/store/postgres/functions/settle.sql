-- Purpose: write the ends of attempts, each fenced by its lease, and hand freed queue slots on. The first row has one
-- verdict for each end, in order; each further one is a job that was leased to `p_runner` in the same breath, the next
-- of one of the queues `p_next_of`. `p_dead`: the ends are those of a runner that is gone; where it has come back,
-- nothing is written. Caller: settle, rescue. Locks: the roster, shared; the jobs; then the lanes, in the order of
-- their names; the next jobs, without waiting.
create or replace function kongflow.settle(
    p_ends kongflow.attempt_end[], p_retention double precision[], p_runner bigint, p_next_of text[], p_dead bigint,
    p_shift interval
) returns table (verdicts integer[], job kongflow.claimed_job)
language plpgsql as $$
declare
    v_verdicts kongflow.attempt_verdict[];
    v_queues text[];
    v_handed bigint[];
    v_now timestamptz;
begin
    perform kongflow.durable();
    perform kongflow.share_roster();
    if exists (select from kongflow.runner where id = p_dead and alive) then
        return query select array(select 0 from unnest(p_ends)), null::kongflow.claimed_job;
        return;
    end if;
    v_verdicts := array(
        select v::kongflow.attempt_verdict
        from kongflow.end_attempts(p_ends, p_retention, clock_timestamp() + p_shift) as v
    );
    return query select array(
        select coalesce(v.verdict, 0) from unnest(p_ends) as e left join unnest(v_verdicts) as v using (n) order by e.n
    ), null::kongflow.claimed_job;
    v_queues := array(select queue from unnest(v_verdicts) where queue is not null);
    if cardinality(v_queues) > 0 then
        v_now := clock_timestamp() + p_shift;
        v_handed := kongflow.free_slots(v_queues, p_next_of, p_runner, v_now);
        if cardinality(v_handed) > 0 then
            return query
            select null::integer[], j::kongflow.claimed_job from kongflow.lease_jobs(v_handed, p_runner, v_now) as j;
        end if;
    end if;
end
$$
