-- Purpose: end a job that nobody runs: to the history and out of the live ones; false where there is none. Its queue is
-- left to the next claim. `p_ended` is what is kept of it as of an attempt, null where there is nothing. Caller: every
-- end outside an attempt. Locks: the job, for which it waits; use it on locked rows where a user's transaction may hold
-- it.
create or replace function kongflow.finish_waiting(
    p_id bigint, p_state integer, p_reason text, p_ended jsonb, p_keep boolean, p_purge_at timestamptz,
    p_now timestamptz
) returns boolean
language plpgsql as $$
declare
    v_job kongflow.job;
begin
    delete from kongflow.job where id = p_id and state < 4 returning * into v_job;
    if not found then
        return false;
    end if;
    if p_keep or v_job.awaited then
        insert into kongflow.history (id, task, state, reason, queue, priority, run_at, created_at, claimed_at,
            finished_at, purge_at, max_attempts, key, flags, tags, attempt, claims, crashes, runner, progress, payload,
            attempts, schedule)
        select v_job.id, v_job.task, p_state, p_reason, v_job.queue, coalesce(v_job.priority, 0),
            coalesce(v_job.run_at, v_job.created_at), v_job.created_at, v_job.claimed_at, p_now,
            greatest(
                case when p_keep
                    then coalesce(p_purge_at, kongflow.later(p_now, (kongflow.published_retention())[p_state - 4])) end,
                case when v_job.awaited then p_now + interval '10 minutes' end
            ),
            v_job.max_attempts, coalesce(v_job.job_key, v_job.claimed_key), v_job.flags, v_job.tags, v_job.attempt,
            v_job.claims, v_job.crashes, (select host || ':' || pid from kongflow.runner where id = v_job.runner),
            v_job.progress, v_job.payload, case
                when p_ended is null then v_job.attempts
                else kongflow.with_attempt(v_job.attempts, v_job.attempt, null, null, p_now, p_ended)
            end,
            v_job.schedule;
    end if;
    if v_job.state = 2 and v_job.queue is not null or v_job.lane <> v_job.queue then
        insert into kongflow.lane_check (lane) values (v_job.queue);
    end if;
    if v_job.claimed_key is not null then
        perform kongflow.forget_newest(array[v_job.claimed_key]);
    end if;
    return true;
end
$$
