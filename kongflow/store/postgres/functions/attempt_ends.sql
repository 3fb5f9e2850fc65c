-- Purpose: put the ends of attempts together from the arrays that a call brings. Caller: settle, settle_in.
-- Locks: nothing.
create or replace function kongflow.attempt_ends(
    p_ids bigint[], p_leases bigint[], p_states integer[], p_reasons text[], p_details text[], p_results text[],
    p_ended text[], p_delays double precision[], p_gives_back boolean[], p_clears_crashes boolean[],
    p_crashed boolean[], p_keeps text[]
) returns kongflow.attempt_end[]
language sql immutable as $$
    select array_agg((n, id, lease, state, reason, detail, result, ended::jsonb, delay, gives_back, clears_crashes,
        crashed, keep)::kongflow.attempt_end)
    from unnest(p_ids, p_leases, p_states, p_reasons, p_details, p_results, p_ended, p_delays, p_gives_back,
        p_clears_crashes, p_crashed, p_keeps) with ordinality
        as e (id, lease, state, reason, detail, result, ended, delay, gives_back, clears_crashes, crashed, keep, n)
$$
