-- Purpose: delete a job. Caller: delete. Locks: see functions/delete.sql.
select kongflow.delete(cast(:id as bigint))
