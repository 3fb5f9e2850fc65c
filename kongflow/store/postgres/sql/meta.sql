-- Purpose: read a single value. Caller: schema_status. Locks: nothing.
select value from kongflow.meta where name = cast(:name as text)
