-- Purpose: rename or cancel waiting jobs of tasks that are gone. Caller: bury. Locks: see functions/bury.sql.
select kongflow.bury(cast(:tasks as text[]), cast(:new_names as text[]), cast(:shift as interval))
