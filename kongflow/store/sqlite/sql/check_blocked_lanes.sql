-- Purpose: note every lane with blocked jobs for the next claim. Caller: join, leave, rescue, pause: who may take what,
-- or the limits, have changed. Locks: nothing beyond the transaction.
with recursive lanes (lane) as (
    select (select lane from kongflow_job where state = 3 order by lane limit 1)
    union all
    select (select lane from kongflow_job where state = 3 and lane > lanes.lane order by lane limit 1)
    from lanes where lanes.lane is not null
)
insert or ignore into kongflow_lane_check (lane) select lane from lanes where lane is not null
