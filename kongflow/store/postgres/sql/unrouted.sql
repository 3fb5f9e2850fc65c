-- Purpose: read jobs that were added by SQL, of tasks that a runner knows, in id order after an id; what a user's
-- transaction holds is left. Caller: unrouted. Locks: the rows, to the end of the statement.
select id, task, payload::text, run_at, queue, priority, max_attempts, job_key, job_key_mode, flags, tags,
    ready_at is not null
from kongflow.job
where state = 0 and task = any (cast(:tasks as text[])) and id > cast(:after as bigint)
order by id
limit cast(:limit as integer)
for update skip locked
