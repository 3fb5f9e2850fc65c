-- Purpose: find the config in force: the one that came last among those with a live runner, else the last of all.
-- Caller: the roster. Locks: nothing.
select c.hash from kongflow_config c
order by exists (select 1 from kongflow_runner r where r.alive and r.config = c.hash) desc, c.came desc
limit 1
