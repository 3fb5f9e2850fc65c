-- Purpose: read one job, live or finished, in the order of rows.FIELDS. Caller: get, dequeue_in. Locks: nothing.
select * from kongflow.get(cast(:id as bigint))
