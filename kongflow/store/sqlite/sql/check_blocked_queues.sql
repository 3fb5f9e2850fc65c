-- Purpose: note every queue with blocked jobs for the next claim. Caller: join, leave, rescue: who may take what, or the
-- limits, have changed. Locks: nothing beyond the transaction.
insert or ignore into kongflow_queue_check (queue)
select distinct queue from kongflow_job where state = 3 and queue is not null
