-- Purpose: say whether somebody's wait for a live job is noted already, which saves a write. Caller: await_outcome.
-- Locks: nothing.
select 1 from kongflow_job where id = :id and awaited
