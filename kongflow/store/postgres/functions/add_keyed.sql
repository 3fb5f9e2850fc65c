-- Purpose: add a job with a key, by its mode: give the waiting, never-claimed job of the key everything anew, return
-- the one that waits or runs (unsafe_dedupe, which looks without a lock), or add another. Caller: add_jobs. Locks: the
-- never-claimed job of the key and the key's note; waits for a producer of the same key and for a claim.
create or replace function kongflow.add_keyed(p_job kongflow.new_job, p_now timestamptz) returns kongflow.added_job
language plpgsql as $$
declare
    v_old record;
    v_old_id bigint;
    v_state smallint;
begin
    loop
        if p_job.mode = 'unsafe_dedupe' then
            v_old_id := kongflow.holder_of(p_job.key);
        else
            select id, queue, run_at into v_old from kongflow.job
            where job_key = p_job.key and state > 0
            for update;
            v_old_id := v_old.id;
            if found then
                perform kongflow.replace_job(v_old.id, v_old.queue, p_job, p_now,
                    case when p_job.mode = 'preserve_run_at' then v_old.run_at else p_job.run_at end);
            end if;
        end if;
        if v_old_id is not null then
            return (
                select (p_job.n, false, v_old_id, null, null, null, row_to_json(r)::text)::kongflow.added_job
                from kongflow.job_row r where r.id = v_old_id
            );
        end if;
        insert into kongflow.job (id, task, state, queue, rule, priority, run_at, ready_at, created_at, max_attempts,
            job_key, flags, tags, awaited, payload)
        values (p_job.id, p_job.task, case when p_job.run_at <= p_now then 2 else 1 end, p_job.queue, p_job.rule,
            p_job.priority, p_job.run_at, greatest(p_job.run_at, p_now), p_now, p_job.max_attempts, p_job.key,
            p_job.flags, p_job.tags, p_job.awaited, p_job.payload::json)
        on conflict (job_key) where job_key is not null and state > 0 do nothing
        returning state into v_state;
        if found then
            -- The id was drawn before it waited: a job of the key that came later may have been claimed meanwhile.
            if exists (select from kongflow.job where claimed_key = p_job.key and id + 0 > p_job.id) then
                update kongflow.job set id = nextval(pg_get_serial_sequence('kongflow.job', 'id'))
                where id = p_job.id
                returning id into p_job.id;
            end if;
            perform kongflow.supersede_older(p_job.key, p_job.id, p_now);
            return (p_job.n, true, p_job.id, v_state, p_job.run_at, p_now, null)::kongflow.added_job;
        end if;
        -- Somebody has added a job of the key in between and has committed: look again.
    end loop;
end
$$
