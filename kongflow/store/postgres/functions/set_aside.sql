-- Purpose: find the jobs for which the database refuses a claim (a damaged payload, a trigger of somebody's) and get
-- them out of the way. Each of those that are due, of the best ones that wait in lanes to be put right, and of the best
-- ready ones that a runner may take is tried alone, and a lease or a promotion undone at once. What is refused is put
-- off by `p_delay` seconds; what cannot be changed at all fails, where others can; else it stays (`became` null).
-- Nothing here takes a slot. Caller: set_aside, after a claim was refused. Locks: the roster, shared; the jobs, without
-- waiting.
create or replace function kongflow.set_aside(
    p_runner bigint, p_limit integer, p_suspects integer, p_after text[], p_delay double precision,
    p_retention double precision, p_shift interval
) returns table (refused bigint, of_task text, why text, became text)
language plpgsql set jit = off set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_now timestamptz := clock_timestamp() + p_shift;
    v_runner kongflow.runner;
    v_lanes text[] := '{}';
    v_picked kongflow.picked_job[];
    v_job record;
    v_accepted boolean := false;
    v_stuck bigint[] := '{}';
    v_reasons text[] := '{}';
begin
    perform kongflow.durable();
    perform kongflow.share_roster();
    select * into v_runner from kongflow.runner where id = p_runner and alive;
    if not found then
        return;
    end if;
    for v_job in
        select id from kongflow.job where state = 1 and run_at <= v_now
        order by run_at, id
        limit 1000
        for update skip locked
    loop
        begin
            update kongflow.job set state = 2 where id = v_job.id;
            v_accepted := true;
        exception
            when lock_not_available or deadlock_detected then raise;
            when others then
                v_stuck := v_stuck || v_job.id;
                v_reasons := v_reasons || sqlerrm;
        end;
    end loop;
    begin
        -- What a claim would put right now; the notes stay.
        v_lanes := kongflow.take_notes(100);
        v_lanes := v_lanes || kongflow.sweep(100);
        raise exception using errcode = 'KF001';
    exception
        when sqlstate 'KF001' then null;
        when lock_not_available or deadlock_detected then raise;
        when others then null;
    end;
    v_lanes := v_lanes || array(select name::text from kongflow.lane where refill_at <= v_now limit 100);
    v_lanes := v_lanes || kongflow.patterns_of(v_lanes);
    for v_job in
        select id from kongflow.job
        where id = any (array(
            select unnest(kongflow.best_of_lane(checked.lane, 3, p_limit, null))
            from (select distinct lane from unnest(v_lanes) as l (lane)) as checked
        ))
        for update skip locked
    loop
        begin
            update kongflow.job set state = 2, lane = null where id = v_job.id;
            raise exception using errcode = 'KF001';
        exception
            when sqlstate 'KF001' then v_accepted := true;
            when lock_not_available or deadlock_detected then raise;
            when others then
                v_stuck := v_stuck || v_job.id;
                v_reasons := v_reasons || sqlerrm;
        end;
    end loop;
    if v_runner.by_kind or v_runner.serves is not null then
        select picked into v_picked from kongflow.pick_by_kind(v_runner, p_limit, p_suspects, p_after);
    else
        v_picked := kongflow.pick(v_runner, p_limit, p_suspects);
    end if;
    for v_job in select id, task from unnest(v_picked) order by n loop
        begin
            perform leased::text from kongflow.lease_jobs(array[v_job.id], p_runner, v_now) as leased;
            raise exception using errcode = 'KF000';
        exception
            when sqlstate 'KF000' then v_accepted := true;
            when lock_not_available or deadlock_detected then raise;
            when others then
                why := sqlerrm;
                begin
                    perform kongflow.reschedule(v_job.id, null, p_delay, p_shift);
                    refused := v_job.id;
                    of_task := v_job.task;
                    became := 'scheduled';
                    return next;
                exception
                    when others then
                        v_stuck := v_stuck || v_job.id;
                        v_reasons := v_reasons || why;
                end;
        end;
    end loop;
    for v_job in
        select stuck.id, j.task, stuck.reason, coalesce(v_runner.terms -> j.task ->> 'keep', 'all') <> 'none' as keep
        from unnest(v_stuck, v_reasons) as stuck (id, reason) join kongflow.job j on j.id = stuck.id
        where j.id = any (v_stuck)
    loop
        refused := v_job.id;
        of_task := v_job.task;
        why := v_job.reason;
        became := null;
        begin
            if v_accepted then
                perform kongflow.finish_waiting(
                    refused, 6, 'error',
                    jsonb_build_object('outcome', 'failed', 'error', jsonb_build_object(
                        'type', 'StoreRefused', 'message', why, 'traceback', ''
                    )),
                    v_job.keep, kongflow.later(v_now, p_retention), v_now
                );
                became := 'failed';
            end if;
        exception
            when others then became := null;
        end;
        return next;
    end loop;
end
$$
