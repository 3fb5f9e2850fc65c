-- Purpose: make those blocked jobs of a queue ready that are among its best `p_free` that may start; returns how many.
-- Caller: normalise. Locks: the queue's best jobs, without waiting; the caller has locked the lane.
create or replace function kongflow.promote_best(p_queue text, p_free integer) returns integer
language plpgsql set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_ids bigint[];
    v_promoted integer;
begin
    with ready as (
        select id, priority, run_at, state from kongflow.job
        where queue = p_queue and state = 2 and kongflow.takeable(task, flags, queue)
        order by priority, run_at, id
        limit p_free
        for update skip locked
    ), blocked as (
        select id, priority, run_at, state from kongflow.job
        where queue = p_queue and state = 3 and kongflow.takeable(task, flags, queue)
        order by priority, run_at, id
        limit p_free
        for update skip locked
    ), best as (
        select id, state from (select * from ready union all select * from blocked) as candidates
        order by priority, run_at, id
        limit p_free
    )
    select array_agg(id) into v_ids from best where state = 3;
    update kongflow.job set state = 2 where id = any (v_ids);
    get diagnostics v_promoted = row_count;
    return v_promoted;
end
$$
