-- Purpose: make up to 5,000 scheduled jobs ready whose time has come; returns how many. Caller: claim.
-- Locks: the jobs, without waiting. The index has them in order; with old statistics the planner would sort them
-- all. An array, not `in`: for that it would read the whole table.
create or replace function kongflow.promote_due(p_now timestamptz) returns integer
language plpgsql set jit = off set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_moved integer;
begin
    update kongflow.job set state = 2
    where id = any (array(
        select id from kongflow.job where state = 1 and run_at <= p_now
        order by run_at, id
        limit 5000
        for update skip locked
    ));
    get diagnostics v_moved = row_count;
    return v_moved;
end
$$
