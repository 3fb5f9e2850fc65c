-- Purpose: find waiting jobs of tasks that are gone. Caller: bury. Locks: nothing.
select id, task, queue from kongflow_job
where state < 4 and task in (select value from json_each(:tasks))
limit :limit
