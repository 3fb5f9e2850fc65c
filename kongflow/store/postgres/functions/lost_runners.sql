-- Purpose: find runners that have not renewed for a lease, in a server that has run for as long, those whose last
-- renewal is further ahead than a lease, because the server's clock was set back since, and runners that are gone and
-- still hold jobs. Rows of runners that are gone stay for a week, perhaps a hundred thousand, so it jumps from one
-- runner that holds jobs to the next. Caller: rescue, how_things_stand. Locks: nothing.
create or replace function kongflow.lost_runners(p_now timestamptz) returns setof kongflow.runner
language sql stable set jit = off set enable_seqscan = off set enable_bitmapscan = off as $$
    with recursive holds (runner) as (
        (select runner from kongflow.job where state = 4 order by runner limit 1)
        union all
        select (
            select j.runner from kongflow.job j where j.state = 4 and j.runner > holds.runner order by j.runner limit 1
        )
        from holds where holds.runner is not null
    )
    select * from (
        select r.* from kongflow.runner r
        where r.alive
            and (p_now > greatest(seen_at, pg_postmaster_start_time()) + lease or seen_at > p_now + lease)
        union all
        select r.* from holds join kongflow.runner r on r.id = holds.runner and not r.alive
    ) as lost
    order by id
$$
