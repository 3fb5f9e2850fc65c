-- Purpose: list queues with blocked jobs, from a place on, in order. Caller: repair. Locks: nothing.
select distinct queue from kongflow_job where queue > :after and queue is not null and state = 3 order by queue limit :limit
