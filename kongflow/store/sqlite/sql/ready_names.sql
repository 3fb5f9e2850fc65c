-- Purpose: list queues of ready jobs whose names begin with a prefix, up to a number, after a place in their order. It
-- jumps from one to the next: each may hold a million. Caller: claim, normalise. Locks: nothing.
with recursive names (queue) as (
    select (
        select queue from kongflow_job
        where state = 2 and queue is not null and queue > max(:prefix, :after)
        order by queue limit 1
    )
    union all
    select (
        select queue from kongflow_job
        where state = 2 and queue is not null and queue > names.queue
        order by queue limit 1
    )
    from names where substr(names.queue, 1, length(:prefix)) = :prefix
)
select queue from names where substr(queue, 1, length(:prefix)) = :prefix limit :limit
