-- Purpose: drop the note of a key that no older job needs any more. Caller: every end of a job that was claimed.
-- Locks: nothing beyond the transaction.
delete from kongflow_newest
where key = :key
    and not exists (
        select 1 from kongflow_job
        where claimed_key = :key and claimed_key is not null and kongflow_job.id < kongflow_newest.id
    )
