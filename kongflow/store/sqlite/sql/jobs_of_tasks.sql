-- Purpose: find waiting jobs of tasks that are gone: the kind of a ready job begins with its task. A read, on the
-- connection of a reader. Caller: bury. Locks: nothing.
select id from kongflow_job where state = 0 and task in (select value from json_each(:tasks))
union all
select id from kongflow_job where state in (1, 3) and task in (select value from json_each(:tasks))
union all
select j.id from json_each(:tasks) t
cross join kongflow_job j on j.state = 2 and j.kind >= t.value || char(31) and j.kind < t.value || char(32)
limit :limit
