-- Purpose: list names after a place, in their order: of lanes with blocked jobs, and of queues whose jobs wait for a
-- pattern. It jumps from one to the next: each may have a million. Caller: the sweep. Locks: nothing.
with recursive names (name) as (
    select min(next) from (
        select (select lane from kongflow_job where state = 3 and lane > :after order by lane limit 1) as next
        union all
        select (
            select queue from kongflow_job where state = 3 and lane <> queue and queue > :after order by queue limit 1
        )
    )
    union all
    select (
        select min(next) from (
            select (select lane from kongflow_job where state = 3 and lane > names.name order by lane limit 1) as next
            union all
            select (
                select queue from kongflow_job
                where state = 3 and lane <> queue and queue > names.name
                order by queue limit 1
            )
        )
    )
    from names where names.name is not null
)
select name from names where name is not null limit :limit
