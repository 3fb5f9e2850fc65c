-- Purpose: count what is left as one runner sees it: what it could take now, once a running job ends, or once the
-- runner that holds it is called lost; what waits for its time or for the end of a pause; and what is for others.
-- Caller: pending. Locks: nothing.
create or replace function kongflow.pending(
    p_runner bigint, p_shift interval, out now bigint, out later bigint, out others bigint
)
language sql stable as $$
    select count(*) filter (where mine and not waits), count(*) filter (where mine and waits),
        count(*) filter (where not mine)
    from (
        select j.state = 1 and j.run_at > clock_timestamp() + p_shift or kongflow.is_paused(j.queue) as waits,
            (j.state < 4 or not holder.alive or holder.seen_at + holder.lease < clock_timestamp() + p_shift)
            and coalesce(
                j.task = any (r.tasks) and not coalesce(j.flags && r.forbidden_flags, false)
                    and (r.serves is null or kongflow.serves(r.serves, r.config, j.queue)),
                false
            ) as mine
        from kongflow.job j
        left join kongflow.runner r on r.id = p_runner and r.alive
        left join kongflow.runner holder on j.state = 4 and holder.id = j.runner
        where j.state < 4 or j.runner <> p_runner
    ) as seen
$$
