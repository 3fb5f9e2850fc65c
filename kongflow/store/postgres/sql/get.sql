-- Purpose: read one job, live or finished, in the order of rows.FIELDS. Caller: get. Locks: nothing.
select * from kongflow.job_row where id = cast(:id as bigint)
