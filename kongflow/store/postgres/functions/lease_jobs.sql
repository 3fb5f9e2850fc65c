-- Purpose: lease picked jobs in their order, with growing tokens. Their keys move away from producers.
-- Caller: claim, settle. Locks: jobs that the caller has locked.
create or replace function kongflow.lease_jobs(p_ids bigint[], p_runner bigint, p_now timestamptz)
returns setof kongflow.claimed_job
language sql as $$
    with leases as (
        select id, lease
        from unnest(p_ids, array(select nextval('kongflow.lease') from generate_series(1, cardinality(p_ids))))
            as l (id, lease)
    ), leased as (
        update kongflow.job j
        set state = 4, lane = null, attempt = attempt + 1, claims = claims + 1,
            claimed_key = coalesce(job_key, claimed_key), job_key = null, runner = p_runner, lease = leases.lease,
            claimed_at = p_now, cancel_requested = false, overrunning = false, progress = null
        from leases
        where j.id = any (p_ids) and j.id = leases.id
        returning j.*
    )
    select id, lease, task, queue, priority, payload::text, attempt, max_attempts, claims, crashes, run_at, created_at,
        greatest(extract(epoch from p_now - ready_at), 0)::double precision, claimed_key, flags, tags, null::boolean,
            null::double precision, null::text[], null::boolean, null::text[]
    from leased order by lease
$$
