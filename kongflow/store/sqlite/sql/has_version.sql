-- Purpose: say whether our version table is there. Caller: schema_status. Locks: nothing.
select 1 from sqlite_master where type = 'table' and name = 'kongflow_version'
