-- Purpose: lease picked jobs and return them in their order, each with a token of its own: they count on from one that
-- is drawn, for a draw asks the system for entropy. Their keys move away from producers. Caller: claim, settle.
-- Locks: jobs that the caller has locked.
create or replace function kongflow.lease_jobs(p_ids bigint[], p_runner bigint, p_now timestamptz)
returns setof kongflow.claimed_job
language sql as $$
    with leased as (
        update kongflow.job j
        set state = 4, lane = null, attempt = attempt + 1, claims = claims + 1,
            claimed_key = coalesce(job_key, claimed_key), job_key = null, runner = p_runner,
            lease = (select kongflow.draw_number()) + picked.n, claimed_at = p_now, cancel_requested = false,
            overrunning = false, progress = null
        from unnest(p_ids) with ordinality as picked (id, n)
        where j.id = any (p_ids) and j.id = picked.id
        returning j.*, picked.n
    )
    select id, lease, task, queue, priority, payload::text, attempt, max_attempts, claims, crashes, run_at, created_at,
        greatest(extract(epoch from p_now - ready_at), 0)::double precision, claimed_key, flags, tags, null::boolean,
            null::double precision, null::text[], null::boolean, null::text[]
    from leased order by n
$$
