-- Purpose: list lanes with blocked jobs, from a place on, in order. It jumps from one to the next: each may hold a
-- million. Caller: repair. Locks: nothing.
with recursive lanes (lane) as (
    select (select lane from kongflow_job where state = 3 and lane > :after order by lane limit 1)
    union all
    select (select lane from kongflow_job where state = 3 and lane > lanes.lane order by lane limit 1)
    from lanes where lanes.lane is not null
)
select lane from lanes where lane is not null limit :limit
