-- Purpose: read the revision of the tables. Caller: schema_status. Locks: nothing.
select version_num from kongflow.version
