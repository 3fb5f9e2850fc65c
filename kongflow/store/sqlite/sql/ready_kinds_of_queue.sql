-- Purpose: list the kinds of the ready jobs of one queue. It jumps from one to the next: each may hold a million.
-- Caller: normalise. Locks: nothing.
with recursive kinds (kind) as (
    select (
        select kind from kongflow_job where state = 2 and queue = :queue and queue is not null order by kind limit 1
    )
    union all
    select (
        select kind from kongflow_job
        where state = 2 and queue = :queue and queue is not null and kind > kinds.kind
        order by kind limit 1
    )
    from kinds where kinds.kind is not null
)
select kind from kinds where kind is not null
