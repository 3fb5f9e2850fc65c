-- Purpose: read the attempts of one runner and what ends them. Caller: rescue. Locks: nothing.
select id, lease, task, queue, attempt, crashes, claimed_mono, terms, cancel_requested,
    exists (select 1 from kongflow_newest n where n.key = j.claimed_key and n.id > j.id)
from kongflow_job j
where state = 4 and runner = :runner
order by id
