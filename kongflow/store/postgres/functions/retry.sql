-- Purpose: run a finished job again under its id, from attempt 0, or a waiting one now. Returns an empty conflict and
-- the job; or why not: 'running', 'missing', or the id of the job that holds its key. Caller: retry. Locks: the job,
-- for which it waits.
create or replace function kongflow.retry(
    p_id bigint, p_payload text, p_shift interval, out conflict text, out key text
)
language plpgsql as $$
declare
    v_now timestamptz := date_trunc('milliseconds', clock_timestamp() + p_shift);
    v_job record;
begin
    perform kongflow.durable();
    select state, queue into v_job from kongflow.job where id = p_id for update;
    if found then
        if v_job.state = 4 then
            conflict := 'running';
            return;
        end if;
        update kongflow.job
        set payload = p_payload::json, crashes = 0, run_at = case when state = 1 then v_now else run_at end,
            state = case when state = 1 then 2 else state end
        where id = p_id;
        if v_job.state = 3 then
            -- A slot may have been freed meanwhile, which passed the job because it was locked.
            insert into kongflow.lane_check (lane) values (v_job.queue);
        end if;
        return;
    end if;
    select h.key, h.state, h.purge_at into v_job from kongflow.history h where id = p_id for update;
    if not found then
        -- Somebody else has retried it in between, or it never was.
        conflict := case when not exists (select from kongflow.job where id = p_id) then 'missing' end;
        return;
    end if;
    key := v_job.key;
    conflict := kongflow.holder_of(v_job.key);
    if conflict is not null then
        return;
    end if;
    delete from kongflow.newest where newest.key = v_job.key;
    insert into kongflow.job (id, task, state, queue, rule, priority, run_at, ready_at, created_at, max_attempts,
        job_key, flags, tags, claims, payload, attempts, schedule)
    select h.id, h.task, 2, h.queue,
        (select name from kongflow.rule_of((select value from kongflow.meta where name = 'in_force'), h.queue)),
        h.priority, v_now, v_now, h.created_at, h.max_attempts, h.key, h.flags, h.tags, h.claims, p_payload::json,
        h.attempts, h.schedule
    from kongflow.history h
    where h.id = p_id and h.state = v_job.state and h.purge_at = v_job.purge_at;
    delete from kongflow.history where id = p_id and state = v_job.state and purge_at = v_job.purge_at;
exception
    when unique_violation then
        key := v_job.key;
        conflict := kongflow.holder_of(v_job.key);
end
$$
