-- Purpose: add the job of a slot. Unless schedules may overlap, jobs of earlier slots that wait for a retry give way to
-- it. Returns its id; `is_its` false: nothing was added, because another job has its key (unsafe_dedupe). Caller:
-- decide_slot. Locks: the job of its key, see add_jobs; in_the_way has locked the others.
create or replace function kongflow.add_slot_job(
    p_schedule text, p_overlap text, p_job jsonb, p_now timestamptz, p_shift interval, out id bigint, out is_its boolean
)
language plpgsql as $$
declare
    v_earlier bigint;
begin
    if p_overlap <> 'allow' then
        foreach v_earlier in array kongflow.waiting_for_retry(p_schedule) loop
            perform kongflow.finish_waiting(v_earlier, 7, 'superseded', null, true, null, p_now);
        end loop;
    end if;
    select coalesce(a.id, (a.present::json ->> 'id')::bigint), a.created or p_job ->> 'mode' <> 'unsafe_dedupe'
    into id, is_its
    from kongflow.add_jobs(
        array[p_job ->> 'task'], array[p_job ->> 'payload'], array[p_job ->> 'queue'], array[p_job ->> 'rule'],
        array[(p_job ->> 'priority')::integer], array[null::timestamptz], array[0::double precision],
        array[(p_job ->> 'max_attempts')::integer], array[p_job ->> 'key'], array[p_job ->> 'mode'],
        array[p_job ->> 'flags'], array[p_job ->> 'tags'], array[false], p_shift
    ) as a;
    if is_its then
        update kongflow.job j set schedule = p_schedule where j.id = add_slot_job.id;
    end if;
end
$$
