-- Purpose: write what became of a slot. One that has to wait takes the place of another that does; null where it waits
-- on. `p_waited`: it has waited until now. Caller: decide_slot. Locks: the slot, and the schedule, which is locked.
create or replace function kongflow.write_slot(
    p_schedule text, p_decided kongflow.decided_slot, p_waited boolean, p_waiting timestamptz, p_now timestamptz
) returns kongflow.decided_slot
language plpgsql as $$
begin
    if p_decided.outcome = 'waiting' then
        if p_waited then
            return null;
        end if;
        update kongflow.slot set outcome = 'skipped', note = 'a newer slot came while it waited'
        where schedule = p_schedule and at = p_waiting;
        update kongflow.schedule set waiting_slot = p_decided.at, waiting_backfilled = p_decided.backfilled
        where name = p_schedule;
    elsif p_waited then
        update kongflow.schedule set waiting_slot = null, waiting_backfilled = null where name = p_schedule;
    end if;
    update kongflow.slot set outcome = p_decided.outcome, job = p_decided.job, note = p_decided.note, decided_at = p_now
    where schedule = p_schedule and at = p_decided.at;
    return p_decided;
end
$$
