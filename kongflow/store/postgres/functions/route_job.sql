-- Purpose: make an unrouted job a live one with everything that was rendered, by the key rules of an enqueue with the
-- ids as the order of adding. False where it is not unrouted any more, or where somebody's open transaction holds it or
-- its key: then it is left for later. Caller: route. Locks: the job, the never-claimed job of its key and the key's
-- note; it waits for a producer of the same key until `p_until`, or for a millisecond.
create or replace function kongflow.route_job(
    p_job kongflow.new_job, p_delay double precision, p_now timestamptz, p_until timestamptz
) returns boolean
language plpgsql as $$
declare
    v_old kongflow.job;
    v_holder record;
    v_run_at timestamptz;
begin
    select * into v_old from kongflow.job where id = p_job.id and state + 0 = 0 for update skip locked;
    if not found then
        return false;
    end if;
    v_run_at := coalesce(
        p_job.run_at, case when p_delay is not null then kongflow.later(p_now, p_delay) end, v_old.run_at,
        v_old.created_at
    );
    if p_job.key is not null then
        for v_holder in
            select id, run_at, true as never_claimed from kongflow.job where job_key = p_job.key and state > 0
            union all
            select id, run_at, false from kongflow.job where claimed_key = p_job.key and id <> p_job.id
            order by id desc
        loop
            if p_job.mode = 'unsafe_dedupe' or v_holder.id > p_job.id then
                perform kongflow.finish_waiting(p_job.id, 7, 'superseded', null, true, null, p_now);
                return true;
            end if;
            if v_holder.never_claimed then
                perform from kongflow.job where id = v_holder.id and job_key = p_job.key for update skip locked;
                if not found then
                    return false;
                end if;
                if p_job.mode = 'preserve_run_at' then
                    v_run_at := v_holder.run_at;
                end if;
                perform kongflow.finish_waiting(v_holder.id, 7, 'superseded', null, true, null, p_now);
            end if;
        end loop;
        perform set_config(
            'lock_timeout', greatest(extract(milliseconds from p_until - clock_timestamp())::integer, 1) || 'ms', true
        );
    end if;
    update kongflow.job
    set task = p_job.task, state = case when v_run_at <= p_now then 2 else 1 end, queue = p_job.queue,
        rule = p_job.rule, priority = p_job.priority, run_at = v_run_at, ready_at = greatest(v_run_at, p_now),
        max_attempts = p_job.max_attempts, job_key = p_job.key, job_key_mode = null, flags = p_job.flags,
        tags = p_job.tags, payload = p_job.payload::json
    where id = p_job.id;
    if p_job.key is not null then
        perform kongflow.supersede_older(p_job.key, p_job.id, p_now);
        perform set_config('lock_timeout', '0', true);
    end if;
    return true;
exception
    when lock_not_available or unique_violation then
        return false;  -- the key is held by an open transaction, or has just been taken: later
end
$$
