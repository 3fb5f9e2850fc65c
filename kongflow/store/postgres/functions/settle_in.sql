-- Purpose: as settle, but freed slots are handed on by the next claim: inside a transaction that somebody else ends,
-- and where a settle was refused. `p_dead`: see settle. Caller: settle_in, settle, rescue.
-- Locks: with `p_dead` the roster, shared; the jobs, without waiting.
create or replace function kongflow.settle_in(p_ends kongflow.attempt_end[], p_dead bigint, p_shift interval)
returns integer[]
language plpgsql as $$
declare
    v_verdicts kongflow.attempt_verdict[];
begin
    perform kongflow.durable();
    if p_dead is not null then
        perform kongflow.share_roster();
        if exists (select from kongflow.runner where id = p_dead and alive) then
            return array(select 0 from unnest(p_ends));
        end if;
    end if;
    v_verdicts := array(
        select v::kongflow.attempt_verdict
        from kongflow.end_attempts(p_ends, kongflow.published_retention(), clock_timestamp() + p_shift) as v
    );
    insert into kongflow.lane_check (lane) select queue from unnest(v_verdicts) where queue is not null;
    return array(
        select coalesce(v.verdict, 0) from unnest(p_ends) as e left join unnest(v_verdicts) as v using (n) order by e.n
    );
end
$$
