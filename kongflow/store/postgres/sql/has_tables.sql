-- Purpose: say whether our tables are there at all; asking them would end a caller's transaction. Caller: identity,
-- schema_status. Locks: nothing.
select to_regclass('kongflow.meta') is not null
