-- Purpose: give the waiting, never-claimed job of a key everything that the newer call said. Caller: add_keyed.
-- Locks: the job, which the caller has locked already.
create or replace function kongflow.replace_job(
    p_id bigint, p_old_queue text, p_job kongflow.new_job, p_now timestamptz, p_run_at timestamptz
) returns void
language plpgsql as $$
begin
    update kongflow.job
    set task = p_job.task, state = case when p_run_at <= p_now then 2 else 1 end, queue = p_job.queue,
        rule = p_job.rule, lane = null, priority = p_job.priority, run_at = p_run_at,
        ready_at = greatest(p_run_at, p_now), max_attempts = p_job.max_attempts, flags = p_job.flags, tags = p_job.tags,
        payload = p_job.payload::json, awaited = awaited or p_job.awaited, attempt = 0, crashes = 0, attempts = null,
        schedule = null
    where id = p_id;
    if p_old_queue is not null then
        insert into kongflow.lane_check (lane) values (p_old_queue);
    end if;
end
$$
