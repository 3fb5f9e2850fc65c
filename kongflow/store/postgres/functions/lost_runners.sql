-- Purpose: find runners that have not renewed for a lease, in a server that has run for as long, those whose last renewal is
-- further ahead than a lease, because the server's clock was set back since, and runners that are gone and still hold
-- jobs. Caller: rescue, how_things_stand. Locks: nothing.
create or replace function kongflow.lost_runners(p_now timestamptz) returns setof kongflow.runner
language sql stable as $$
    select * from kongflow.runner r
    where alive and p_now > greatest(seen_at, pg_postmaster_start_time()) + lease
        or alive and seen_at > p_now + lease
        or not alive and exists (select from kongflow.job j where j.state = 4 and j.runner = r.id)
    order by id
$$
