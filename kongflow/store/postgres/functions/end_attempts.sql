-- Purpose: write the ends of attempts whose leases hold, and return for each of these what was written and the queue
-- whose slot is free now. One that somebody's open transaction holds is left for later. `p_retention` are the seconds
-- for succeeded, failed and cancelled. Caller: settle, settle_in. Locks: the jobs, in the order of their ids, without
-- waiting.
create or replace function kongflow.end_attempts(
    p_ends kongflow.attempt_end[], p_retention double precision[], p_now timestamptz
)
returns setof kongflow.attempt_verdict
language plpgsql as $$
declare
    v_locked bigint[];
    v_ends kongflow.attempt_end[];
begin
    -- In the order of their ids, and without waiting. From here on nobody can ask for a cancel any more: it either
    -- counts or comes too late.
    v_locked := array(
        select j.id from kongflow.job j join unnest(p_ends) as e on j.id = e.id and j.lease = e.lease
        where j.id = any (array(select id from unnest(p_ends)))
        order by j.id
        for update of j skip locked
    );
    v_ends := array(select e::kongflow.attempt_end from unnest(p_ends) as e where e.id = any (v_locked));
    return query select * from kongflow.finish_attempts(v_ends, p_retention, p_now);
    return query
    update kongflow.job j
    set state = case when e.delay <= 0 then 2 else 1 end,
        -- What comes back at once and without an outcome (released, crashed) keeps its place in the order.
        run_at = case when e.delay <= 0 and not e.clears_crashes then j.run_at else kongflow.later(p_now, e.delay) end,
        attempt = j.attempt - e.gives_back::integer,
        crashes = case when e.clears_crashes then 0 else j.crashes + e.crashed::integer end,
        attempts = kongflow.with_attempt(j.attempts, j.attempt,
            (select r.host || ':' || r.pid from kongflow.runner r where r.id = j.runner), j.claimed_at, p_now, e.ended),
        lease = null, overrunning = false
    from unnest(v_ends) as e
    where j.id = any (v_locked) and j.id = e.id and j.lease = e.lease and e.state = 1
    returning e.n, 1, j.queue;
    return query
    select e.n, 4, null::text
    from unnest(p_ends) as e join kongflow.job j on j.id = e.id and j.lease = e.lease
    where j.id = any (array(select id from unnest(p_ends))) and e.id <> all (v_locked);
end
$$
