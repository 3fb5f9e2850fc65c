-- Purpose: read live jobs in id order after an id: as many as a page holds, by their number and by the characters of
-- their payloads, the last of which may be over. Caller: Inspection.live_jobs. Locks: nothing.
select id, task, payload::text, run_at, queue, priority, max_attempts, coalesce(job_key, claimed_key), job_key_mode,
    flags, tags, ready_at is not null, state, schedule
from (
    select j.*, sum(length(j.payload::text)) over (order by j.id rows between unbounded preceding and 1 preceding)
        as before
    from (select * from kongflow.job where id > :after order by id limit :jobs) j
) page
where coalesce(before, 0) < :characters
order by id
