-- Purpose: lock the best jobs of a lane, blocked or ready ones, that somebody may take, up to `p_most` (and, where
-- others have locked some, a few times as many), of those before a job where one is given. Returns the best of these.
-- Caller: best_blocked, best_ready, behind_others. Locks: these jobs, without waiting; one that somebody has locked is
-- left out. The array is the way to them: of state and lane the planner is told nothing (docs/decisions/0013).
create or replace function kongflow.lock_best(p_lane text, p_state integer, p_most integer, p_before bigint)
returns table (id bigint, queue text, priority smallint, run_at timestamptz)
language plpgsql as $$
#variable_conflict use_column
declare
    v_most integer := p_most;
    v_best bigint[];
    v_locked bigint[];
begin
    if p_most <= 0 then
        return;
    end if;
    loop
        v_best := kongflow.best_of_lane(p_lane, p_state, v_most, p_before);
        v_locked := array(
            select id from kongflow.job
            where id = any (v_best) and state + 0 = p_state and (p_state = 2 or lane || '' = p_lane)
            for update skip locked
        );
        exit when cardinality(v_locked) >= p_most or cardinality(v_best) < v_most;
        -- Somebody has locked the others: what comes behind them?
        v_most := 2 * v_most;
    end loop;
    return query
    select id, queue, priority, run_at from kongflow.job
    where id = any (v_locked) order by priority, run_at, id limit p_most;
end
$$
