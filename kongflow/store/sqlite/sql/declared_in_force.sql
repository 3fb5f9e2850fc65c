-- Purpose: read what the config in force declares; see config_in_force. Caller: Inspection.declared. Locks: nothing.
select c.hash, c.declared from kongflow_config c
order by exists (select 1 from kongflow_runner r where r.alive and r.config = c.hash) desc, c.came desc
limit 1
