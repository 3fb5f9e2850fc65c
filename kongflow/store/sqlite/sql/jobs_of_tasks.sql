-- Purpose: find waiting jobs of tasks that are gone. It reads all live jobs, so on the connection of a reader, which
-- keeps nobody out. Caller: bury. Locks: nothing.
select id from kongflow_job
where state < 4 and task in (select value from json_each(:tasks))
limit :limit
