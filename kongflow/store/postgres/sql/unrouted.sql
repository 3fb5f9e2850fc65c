-- Purpose: read jobs that were added by SQL, of tasks that a runner knows, in id order after an id; what a user's
-- transaction holds is left. Task by task: the index has the jobs of each in their order. Caller: unrouted. Locks: the
-- first rows of each task, to the end of the statement.
select job.* from unnest(cast(:tasks as text[])) as tasks (name)
cross join lateral (
    select id, task, payload::text, run_at, queue, priority, max_attempts, job_key, job_key_mode, flags, tags,
        ready_at is not null, null::text
    from kongflow.job
    where state = 0 and task = tasks.name and id + 0 > cast(:after as bigint)
    order by id + 0
    limit cast(:limit as integer)
    for update skip locked
) as job
order by id
limit cast(:limit as integer)
