-- Purpose: forget schedules that the config in force does not have, unless it is not that of the caller.
-- Caller: forget. Locks: the schedules.
delete from kongflow.schedule
where name <> all (cast(:names as text[])) and kongflow.is_in_force(cast(:runner as bigint))
