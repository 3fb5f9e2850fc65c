-- Purpose: read which of some jobs still wait for tasks that are gone. Caller: bury. Locks: nothing.
select id, task, queue from kongflow_job
where id in (select value from json_each(:ids)) and state < 4 and task in (select value from json_each(:tasks))
