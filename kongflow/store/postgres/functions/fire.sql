-- Purpose: decide about slots of one schedule, oldest first, and that all up to `p_up_to` are decided about. Nothing is
-- done, and no row returned, unless the schedule is as the caller has seen it and the caller's config in force; of a
-- paused one only a slot is decided about that waits since somebody asked for it by hand. So each slot has one who
-- decides, however many try. `p_runner` null: by hand, which asks for none of that and leaves the time alone. `p_slots`
-- are objects with `at`, `backfilled`, `waited` (the slot that waits already), `job` and `trouble` (why there is no
-- job). Caller: fire. Locks: the schedule, without waiting unless by hand; see decide_slot.
create or replace function kongflow.fire(
    p_runner bigint, p_schedule text, p_timing text, p_seen_timing text, p_seen timestamptz, p_up_to timestamptz,
    p_overlap text, p_slots jsonb, p_shift interval
) returns setof kongflow.decided_slot
language plpgsql as $$
declare
    v_now timestamptz := date_trunc('milliseconds', clock_timestamp() + p_shift);
    v_slot jsonb;
    v_decided kongflow.decided_slot;
begin
    perform kongflow.durable();
    if p_runner is null then
        insert into kongflow.schedule (name, timing, decided_up_to) values (p_schedule, p_timing, v_now)
        on conflict (name) do nothing;
        perform from kongflow.schedule where name = p_schedule for update;
    elsif not kongflow.is_in_force(p_runner) then
        return;
    elsif p_seen is null then
        insert into kongflow.schedule (name, timing, decided_up_to) values (p_schedule, p_timing, p_up_to)
        on conflict (name) do nothing;
        if not found then
            return;
        end if;
    else
        perform from kongflow.schedule
        where name = p_schedule and timing = p_seen_timing and decided_up_to = p_seen
        for update skip locked;
        if not found then
            return;
        end if;
        -- A statement of its own: the one before might not see what a pause that it waited for has written.
        if exists (select from kongflow.schedule_pause where name = p_schedule)
            and exists (select from jsonb_array_elements(p_slots) as slot where not (slot ->> 'waited')::boolean)
        then
            return;
        end if;
        update kongflow.schedule set timing = p_timing, decided_up_to = p_up_to where name = p_schedule;
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
