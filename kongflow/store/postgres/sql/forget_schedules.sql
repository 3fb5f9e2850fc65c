-- Purpose: forget schedules that the config in force does not have, unless it is not that of the caller; their slots
-- that wait are given up. Caller: forget. Locks: the schedules.
with gone as (
    delete from kongflow.schedule
    where name <> all (cast(:names as text[])) and kongflow.ticks_now(cast(:runner as bigint))
    returning name, waiting_slot
)
update kongflow.slot set outcome = 'skipped', note = 'the schedule was removed while it waited'
from gone
where slot.schedule = gone.name and slot.at = gone.waiting_slot
