-- Purpose: make those blocked jobs of a lane ready that are among its best `p_free` that may start; returns how many.
-- Caller: fill_lane. Locks: the lane's best jobs, without waiting; the caller has locked the lane.
create or replace function kongflow.promote_best(p_lane text, p_free integer) returns integer
language plpgsql as $$
declare
    v_promoted integer;
begin
    with candidates as materialized (
        select id, priority, run_at, 2 as state from kongflow.best_ready(p_lane, p_free)
        union all
        select id, priority, run_at, 3 from kongflow.best_blocked(p_lane, p_free)
    ), best as (
        select id, state from candidates order by priority, run_at, id limit p_free
    )
    update kongflow.job set state = 2, lane = null
    where id = any (array(select id from best where state = 3));
    get diagnostics v_promoted = row_count;
    return v_promoted;
end
$$
