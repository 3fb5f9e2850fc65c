-- Purpose: make up to `p_most` of the best blocked jobs of a lane ready, whatever is ready already; returns how many.
-- Caller: promote_all, fill_lane. Locks: the jobs, without waiting.
create or replace function kongflow.promote_further(p_lane text, p_most integer) returns integer
language plpgsql as $$
declare
    v_promoted integer;
begin
    update kongflow.job set state = 2, lane = null
    where id = any (array(select id from kongflow.best_blocked(p_lane, p_most)));
    get diagnostics v_promoted = row_count;
    return v_promoted;
end
$$
