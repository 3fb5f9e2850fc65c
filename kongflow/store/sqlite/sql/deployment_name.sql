-- Purpose: read whose tables these are. Caller: check_name. Locks: nothing.
select value from kongflow_meta where name = 'name'
