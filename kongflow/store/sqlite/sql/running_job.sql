-- Purpose: read what decides the end of an attempt, if the lease still holds. Caller: settle. Locks: nothing.
select cancel_requested, exists (select 1 from kongflow_newest n where n.key = j.claimed_key and n.id > j.id)
from kongflow_job j
where id = :id and lease = :lease and state = 4
