-- Purpose: say whose tables these are and which revision they have. Caller: schema_status, check_name, insert_in,
-- dequeue_in. Locks: nothing.
select version, oldest_release, name, identity from kongflow.deployment()
