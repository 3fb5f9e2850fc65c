-- Purpose: read live jobs in id order after an id: at most as many as a page holds; who reads them stops where their
-- payloads are enough. Texts as bytes, for what was added by SQL may be no UTF-8. Caller: Inspection.live_jobs.
-- Locks: nothing.
select id, cast(task as blob), cast(payload as blob), run_at, cast(queue as blob), priority, max_attempts,
    cast(coalesce(job_key, claimed_key) as blob), job_key_mode, cast(flags as blob), cast(tags as blob),
    ready_at is not null, state, cast(schedule as blob)
from kongflow_job
where id > :after
order by id
limit :jobs
