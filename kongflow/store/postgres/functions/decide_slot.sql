-- Purpose: decide about one slot of a schedule: its job is added, it waits for the end of others, or it is skipped.
-- Null where it is decided about already, or waits on. Caller: fire, which has locked the schedule. Locks: the jobs of
-- the schedule that it cancels, for which it waits, and those that wait for a retry, without waiting; see add_jobs.
create or replace function kongflow.decide_slot(
    p_schedule text, p_overlap text, p_slot jsonb, p_now timestamptz, p_shift interval
) returns kongflow.decided_slot
language plpgsql as $$
declare
    v_at timestamptz := p_slot ->> 'at';
    v_waited boolean := p_slot ->> 'waited';
    v_waiting timestamptz := (select waiting_slot from kongflow.schedule where name = p_schedule);
    v_unfinished bigint[] := '{}';
    v_decided kongflow.decided_slot;
begin
    if v_waited then
        if v_waiting is distinct from v_at then
            return null;
        end if;
        v_waiting := null;
    else
        insert into kongflow.slot (schedule, at, backfilled, outcome, decided_at)
        values (p_schedule, v_at, (p_slot ->> 'backfilled')::boolean, 'skipped', p_now)
        on conflict (schedule, at) do nothing;
        if not found then
            return null;
        end if;
    end if;
    v_decided := (v_at, (p_slot ->> 'backfilled')::boolean, 'skipped', null, null);
    if p_overlap <> 'allow' then
        v_unfinished := kongflow.in_the_way(p_schedule);
        if p_overlap = 'cancel_running' and not v_waited and p_slot ->> 'trouble' is null and v_unfinished <> '{}' then
            perform kongflow.cancel(id, p_shift) from unnest(v_unfinished) as id;
            v_unfinished := kongflow.in_the_way(p_schedule);
        end if;
    end if;
    if p_slot ->> 'trouble' is not null then
        v_decided.outcome := 'failed';
        v_decided.note := p_slot ->> 'trouble';
    elsif p_overlap = 'allow' or v_unfinished = '{}' and v_waiting is null then
        select added.id, case when added.is_its then 'added' else 'skipped' end,
            case when not added.is_its then format('job %s has its key', added.id) end
        into v_decided.job, v_decided.outcome, v_decided.note
        from kongflow.add_slot_job(p_schedule, p_overlap, p_slot -> 'job', p_now, p_shift) as added;
    elsif v_waited then
        return null;
    elsif p_overlap = 'cancel_running' or p_overlap = 'queue' and v_waiting is null then
        v_decided.outcome := 'waiting';
        v_decided.note := case
            when v_unfinished = '{}' then 'for a runner that adds it'
            else format('for the end of job %s', array_to_string(v_unfinished, ', '))
        end;
        update kongflow.slot set outcome = 'skipped', note = 'a newer slot came while it waited'
        where schedule = p_schedule and at = v_waiting;
        update kongflow.schedule set waiting_slot = v_at, waiting_backfilled = v_decided.backfilled
        where name = p_schedule;
    elsif v_waiting is not null then
        v_decided.note := 'an earlier slot waits';
    else
        v_decided.note := format('job %s has not ended', array_to_string(v_unfinished, ', '));
    end if;
    update kongflow.slot set outcome = v_decided.outcome, job = v_decided.job, note = v_decided.note, decided_at = p_now
    where schedule = p_schedule and at = v_at;
    if v_waited then
        update kongflow.schedule set waiting_slot = null, waiting_backfilled = null where name = p_schedule;
    end if;
    return v_decided;
end
$$
