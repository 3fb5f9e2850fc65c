-- Purpose: say whether any job of some tasks waits to be routed. Caller: claim. Locks: nothing.
select 1 from json_each(:tasks) t
where exists (select 1 from kongflow_job where state = 0 and task = t.value)
limit 1
