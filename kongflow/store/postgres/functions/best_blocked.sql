-- Purpose: return the best jobs that wait in a lane and that somebody may take, up to `p_most`, best first.
-- Caller: free_slots, promote_best, promote_further. Locks: as lock_best.
create or replace function kongflow.best_blocked(p_lane text, p_most integer)
returns table (id bigint, priority smallint, run_at timestamptz)
language sql as $$
    select id, priority, run_at from kongflow.lock_best(p_lane, 3, p_most, null)
$$
