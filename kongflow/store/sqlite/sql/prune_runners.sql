-- Purpose: delete rows of runners that are gone for long and hold nothing. Caller: prune.
-- Locks: nothing beyond the transaction.
delete from kongflow_runner
where not alive and seen_at < :before
    and not exists (select 1 from kongflow_job j where j.state = 4 and j.runner = kongflow_runner.id)
