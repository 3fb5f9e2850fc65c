-- Purpose: add the job of a slot and return its id. Unless schedules may overlap, jobs of earlier slots that wait for a
-- retry give way to it. Caller: decide_slot. Locks: those jobs, without waiting; the job of its key: see add_jobs.
create or replace function kongflow.add_slot_job(
    p_schedule text, p_overlap text, p_job jsonb, p_now timestamptz, p_shift interval
) returns bigint
language plpgsql as $$
declare
    v_id bigint;
begin
    if p_overlap <> 'allow' then
        for v_id in
            select id from kongflow.job
            where schedule = p_schedule and schedule is not null and state + 0 = 1 and attempt > 0
            order by id + 0  -- `+ 0`: no other index than that of schedules, whatever the statistics say
            for update skip locked
        loop
            perform kongflow.finish_waiting(v_id, 7, 'superseded', null, true, null, p_now);
        end loop;
    end if;
    select coalesce(a.id, (a.present::json ->> 'id')::bigint) into v_id
    from kongflow.add_jobs(
        array[p_job ->> 'task'], array[p_job ->> 'payload'], array[p_job ->> 'queue'], array[p_job ->> 'rule'],
        array[(p_job ->> 'priority')::integer], array[null::timestamptz], array[0::double precision],
        array[(p_job ->> 'max_attempts')::integer], array[p_job ->> 'key'], array[p_job ->> 'mode'],
        array[p_job ->> 'flags'], array[p_job ->> 'tags'], array[false], p_shift
    ) as a;
    update kongflow.job set schedule = p_schedule where id = v_id and lease is null;
    return v_id;
end
$$
