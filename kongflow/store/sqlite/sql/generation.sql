-- Purpose: read the number that changes whenever a runner or config comes or goes. Caller: every write of ours.
-- Locks: nothing.
select value from kongflow_meta where name = 'generation'
