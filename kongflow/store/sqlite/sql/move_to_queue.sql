-- Purpose: let jobs of a queue that wait for a pattern wait for their queue, where the pattern is not the one that the
-- queue shares now; up to a number. Caller: the sweep. Locks: nothing beyond the transaction.
update kongflow_job set lane = queue
where id in (
    select id from kongflow_job where queue = :queue and state = 3 and lane <> queue and lane < :pattern
    union all
    select id from kongflow_job where queue = :queue and state = 3 and lane <> queue and lane > :pattern
    limit :limit
)
