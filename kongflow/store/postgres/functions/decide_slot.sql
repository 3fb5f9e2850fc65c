-- Purpose: decide about one slot of a schedule: its job is added, it waits for the end of others, or it is skipped.
-- Null where it is decided about already, or waits on. Caller: fire, which has locked the schedule. Locks: the jobs of
-- the schedule that it cancels and the job of its key, for which it waits up to `lock_timeout`; those that wait for a
-- retry, without waiting.
create or replace function kongflow.decide_slot(
    p_schedule text, p_overlap text, p_slot jsonb, p_now timestamptz, p_shift interval
) returns kongflow.decided_slot
language plpgsql as $$
declare
    v_at timestamptz := p_slot ->> 'at';
    v_waited boolean := p_slot ->> 'waited';
    v_waiting timestamptz := (select waiting_slot from kongflow.schedule where name = p_schedule);
    v_unfinished bigint[] := '{}';
    v_decided kongflow.decided_slot := (v_at, (p_slot ->> 'backfilled')::boolean, 'skipped', null, null);
begin
    if not v_waited then
        insert into kongflow.slot (schedule, at, backfilled, outcome, decided_at)
        values (p_schedule, v_at, v_decided.backfilled, v_decided.outcome, p_now)
        on conflict (schedule, at) do nothing;
        if not found then
            return null;
        end if;
    elsif v_waiting is distinct from v_at then
        return null;
    else
        v_waiting := null;
    end if;
    if p_slot ->> 'trouble' is null and p_overlap <> 'allow' then
        v_unfinished := kongflow.in_the_way(p_schedule, p_now);
        if p_overlap = 'cancel_running' and v_unfinished <> '{}' then
            perform kongflow.cancel_others(p_schedule, p_shift);
            v_unfinished := kongflow.in_the_way(p_schedule, p_now);
        end if;
    end if;
    if p_slot ->> 'trouble' is not null then
        v_decided.outcome := 'failed';
        v_decided.note := p_slot ->> 'trouble';
    elsif p_overlap = 'allow' or v_unfinished = '{}' and v_waiting is null then
        v_decided := kongflow.add_slot_job(p_schedule, p_overlap, v_decided, p_slot -> 'job', p_now, p_shift);
    elsif p_overlap = 'cancel_running' or v_waited or p_overlap = 'queue' and v_waiting is null then
        v_decided.outcome := 'waiting';
        v_decided.note := case
            when v_unfinished = '{}' then 'for a runner that adds it'
            else format('for the end of %s', kongflow.jobs_named(v_unfinished))
        end;
    elsif v_waiting is null then
        v_decided.note := format(
            '%s %s not ended', kongflow.jobs_named(v_unfinished),
            case when cardinality(v_unfinished) = 1 then 'has' else 'have' end
        );
    else
        v_decided.note := 'an earlier slot waits';
    end if;
    return kongflow.write_slot(p_schedule, v_decided, v_waited, v_waiting, p_now);
end
$$
