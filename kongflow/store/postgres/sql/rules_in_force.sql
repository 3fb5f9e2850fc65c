-- Purpose: read the queues of the config in force; no row before any has come. Caller: rules_in_force, queue_counts.
-- Locks: nothing.
select r.name, r.concurrency, r.max_active, r.rate_limit, r.rate_per
from kongflow.meta m join kongflow.config c on c.hash = m.value left join kongflow.rule r on r.config = c.hash
where m.name = 'in_force'
