-- Purpose: read a job that somebody waits for. Caller: await_outcome. Locks: see functions/await_outcome.sql.
select * from kongflow.await_outcome(cast(:id as bigint))
