-- Purpose: find which of many jobs somebody awaits. Caller: settle, for tasks that keep no history. Locks: nothing.
select j.id from json_each(:ids) e join kongflow_job j on j.id = e.value where j.awaited
