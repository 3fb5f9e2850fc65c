-- Purpose: read how many starts a rate limit counts now, and the first of them; one in the future is of a clock that
-- was set back. Caller: normalise. Locks: nothing.
select count(*), min(at) from (
    select at from kongflow_start where queue = :queue and at > :after and at <= :now order by at desc limit :limit
)
