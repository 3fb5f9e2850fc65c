-- Purpose: read jobs that were added by SQL, of known tasks, in id order after an id; texts as bytes, for they may
-- be no UTF-8.
-- Caller: unrouted. Locks: nothing.
select id, task, cast(payload as blob), run_at, cast(queue as blob), priority, max_attempts, cast(job_key as blob),
    job_key_mode, cast(flags as blob), cast(tags as blob), ready_at is not null
from kongflow_job
where state = 0 and task in (select value from json_each(:tasks)) and id > :after
order by id
limit :limit
