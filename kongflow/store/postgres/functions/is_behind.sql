-- Purpose: say whether jobs are due that nobody has made ready yet, and nobody has locked. Caller: claim.
-- Locks: one of them, without waiting.
create or replace function kongflow.is_behind(p_now timestamptz) returns boolean
language plpgsql set jit = off set enable_seqscan = off set enable_sort = off set enable_bitmapscan = off as $$
begin
    perform from kongflow.job where state = 1 and run_at <= p_now order by run_at, id limit 1 for update skip locked;
    return found;
end
$$
