-- Purpose: read the oldest release that works with these tables. Caller: schema_status. Locks: nothing.
select value from kongflow_meta where name = 'oldest_release'
