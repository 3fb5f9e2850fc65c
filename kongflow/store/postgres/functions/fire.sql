-- Purpose: decide about slots of one schedule, oldest first, and that all up to `p_up_to` are decided about. Nothing is
-- done, and no row returned, unless take_schedule lets it; so each slot has one who decides, however many try.
-- `p_read`: the time that the caller goes by. `p_runner` null: by hand, which asks for none of that and leaves the time
-- alone. `p_slots` are objects with `at`, `backfilled`, `waited` (the slot that waits already), `job` and `trouble`
-- (why there is no job). Caller: fire. Locks: the schedule, without waiting unless by hand; see decide_slot.
create or replace function kongflow.fire(
    p_runner bigint, p_schedule text, p_timing text, p_seen_timing text, p_seen timestamptz, p_up_to timestamptz,
    p_read timestamptz, p_overlap text, p_slots jsonb, p_shift interval
) returns setof kongflow.decided_slot
language plpgsql as $$
declare
    v_now timestamptz := date_trunc('milliseconds', clock_timestamp() + p_shift);
    v_slot jsonb;
    v_decided kongflow.decided_slot;
begin
    perform kongflow.durable();
    if p_runner is null then
        -- No timing: who fires by time has not seen it yet, and begins with the time of then.
        insert into kongflow.schedule (name, timing, decided_up_to) values (p_schedule, '', v_now)
        on conflict (name) do nothing;
        perform from kongflow.schedule where name = p_schedule for update;
    else
        -- Other schedules wait behind this one: see decide_slot for what somebody's transaction holds.
        perform set_config('lock_timeout', '250ms', true);
        -- Who was frozen since he read the time knows nothing of what is late now; he looks again.
        if p_read < v_now - interval '10 s' then
            return;
        end if;
        if not kongflow.take_schedule(p_runner, p_schedule, p_timing, p_seen_timing, p_seen, p_up_to, p_slots) then
            return;
        end if;
    end if;
    return next v_decided;
    for v_slot in select * from jsonb_array_elements(p_slots) loop
        v_decided := kongflow.decide_slot(p_schedule, p_overlap, v_slot, v_now, p_shift);
        if v_decided.at is not null then
            return next v_decided;
        end if;
    end loop;
end
$$
