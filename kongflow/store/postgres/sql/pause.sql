-- Purpose: pause a queue or pattern. Caller: pause. Locks: see functions/pause.sql.
select kongflow.pause(cast(:name as text), cast(:reason as text), cast(:author as text), cast(:shift as interval))
