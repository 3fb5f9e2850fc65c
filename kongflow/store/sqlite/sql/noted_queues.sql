-- Purpose: list noted queues. Caller: claim, repair. Locks: nothing.
select queue from kongflow_queue_check limit :limit
