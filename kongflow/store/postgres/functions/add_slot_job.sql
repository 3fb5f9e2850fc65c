-- Purpose: add the job of a slot, and return the slot with what became of it. Unless schedules may overlap, jobs of
-- earlier slots that wait for a retry give way to it. It is skipped where another job has its key (unsafe_dedupe), and
-- waits where somebody's transaction holds the key. Caller: decide_slot. Locks: the job of its key, see add_jobs, for
-- which it waits up to `lock_timeout`; in_the_way has locked the others.
create or replace function kongflow.add_slot_job(
    p_schedule text, p_overlap text, p_slot kongflow.decided_slot, p_job jsonb, p_now timestamptz, p_shift interval
) returns kongflow.decided_slot
language plpgsql as $$
declare
    v_earlier bigint;
    v_id bigint;
    v_is_its boolean;
begin
    if p_overlap <> 'allow' then
        foreach v_earlier in array kongflow.waiting_for_retry(p_schedule) loop
            perform kongflow.finish_waiting(v_earlier, 7, 'superseded', null, true, null, p_now);
        end loop;
    end if;
    select coalesce(a.id, (a.present::json ->> 'id')::bigint), a.created or p_job ->> 'mode' <> 'unsafe_dedupe'
    into v_id, v_is_its
    from kongflow.add_jobs(
        array[p_job ->> 'task'], array[p_job ->> 'payload'], array[p_job ->> 'queue'], array[p_job ->> 'rule'],
        array[(p_job ->> 'priority')::integer], array[null::timestamptz], array[0::double precision],
        array[(p_job ->> 'max_attempts')::integer], array[p_job ->> 'key'], array[p_job ->> 'mode'],
        array[p_job ->> 'flags'], array[p_job ->> 'tags'], array[false], p_shift
    ) as a;
    p_slot.job := v_id;
    if v_is_its then
        update kongflow.job set schedule = p_schedule where id = v_id;
        p_slot.outcome := 'added';
    else
        p_slot.note := format('job %s has its key', v_id);
    end if;
    return p_slot;
exception
    when lock_not_available then
        p_slot.outcome := 'waiting';
        p_slot.note := 'for the end of a transaction that holds its job key';
        return p_slot;
end
$$
