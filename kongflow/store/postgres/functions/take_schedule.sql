-- Purpose: write up to when the slots of a schedule are decided about, if it is as the caller has seen it (null: not at
-- all) and the caller's config is the one that fires; say whether that is so. Of a paused one only a slot is decided
-- about that waits since somebody asked for it by hand. Caller: fire. Locks: the schedule, without waiting.
create or replace function kongflow.take_schedule(
    p_runner bigint, p_schedule text, p_timing text, p_seen_timing text, p_seen timestamptz, p_up_to timestamptz,
    p_slots jsonb
) returns boolean
language plpgsql as $$
begin
    if not kongflow.ticks_now(p_runner) then
        return false;
    end if;
    if p_seen is null then
        insert into kongflow.schedule (name, timing, decided_up_to) values (p_schedule, p_timing, p_up_to)
        on conflict (name) do nothing;
        return found;
    end if;
    perform from kongflow.schedule
    where name = p_schedule and timing = p_seen_timing and decided_up_to = p_seen
    for update skip locked;
    if not found then
        return false;
    end if;
    -- A statement of its own: the one before might not see what a pause that has just committed has written.
    if exists (select from kongflow.schedule_pause where name = p_schedule)
        and exists (select from jsonb_array_elements(p_slots) as slot where not (slot ->> 'waited')::boolean)
    then
        return false;
    end if;
    update kongflow.schedule set timing = p_timing, decided_up_to = p_up_to where name = p_schedule;
    return true;
end
$$
