-- Purpose: let a waiting job start at an instant, or so many seconds from now; with neither, now, unless it may start
-- already. Returns null, or why not: 'running', 'finished', 'missing'. Caller: reschedule, run_now.
-- Locks: the job, for which it waits.
create or replace function kongflow.reschedule(
    p_id bigint, p_run_at timestamptz, p_delay double precision, p_shift interval
) returns text
language plpgsql as $$
declare
    v_now timestamptz := date_trunc('milliseconds', clock_timestamp() + p_shift);
    v_run_at timestamptz := coalesce(p_run_at, kongflow.later(v_now, p_delay));
    v_job record;
begin
    perform kongflow.durable();
    select state, queue, run_at into v_job from kongflow.job where id = p_id for update;
    if not found then
        return case when exists (select from kongflow.history where id = p_id) then 'finished' else 'missing' end;
    end if;
    if v_job.state = 4 then
        return 'running';
    end if;
    if v_run_at is null then
        if v_job.state > 1 or v_job.run_at is null or v_job.run_at < v_now then
            if v_job.state = 3 then
                -- A slot may have been freed meanwhile, which passed the job because it was locked.
                insert into kongflow.lane_check (lane) values (v_job.queue);
            end if;
            return null;
        end if;
        v_run_at := v_now;
    end if;
    update kongflow.job
    set run_at = v_run_at, lane = null, state = case when state = 0 then 0 when v_run_at <= v_now then 2 else 1 end,
        -- What was claimed before has been ready before; its age counts from then.
        ready_at = case when state > 0 and claims = 0 then greatest(v_run_at, v_now) else ready_at end
    where id = p_id;
    if v_job.queue is not null and v_job.state > 0 then
        insert into kongflow.lane_check (lane) values (v_job.queue);
    end if;
    return null;
end
$$
