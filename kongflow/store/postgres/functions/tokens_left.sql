-- Purpose: say how many jobs of a queue may start now by its rate limit, null where it has none, and when the next one
-- may that may not: a start counts for as long as the window, so that no window ever holds more than the limit. One in
-- the future is of a clock that was set back since, unless a claim wrote it while the caller waited for the lane.
-- Caller: grant_slots, fill_lane. Locks: nothing; the caller has locked the lane.
create or replace function kongflow.tokens_left(
    p_queue text, p_limit integer, p_per double precision, p_now timestamptz, out tokens integer,
    out refill_at timestamptz
) language sql stable as $$
    select case when p_limit is not null then greatest(p_limit - count(*), 0)::integer end,
        coalesce(min(at), p_now) + make_interval(secs => p_per)
    from (
        select at from kongflow.start
        where queue = p_queue and at > p_now - make_interval(secs => p_per) and at <= p_now + interval '10 s'
        order by at desc
        limit p_limit
    ) as newest
$$
