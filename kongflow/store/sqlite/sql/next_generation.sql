-- Purpose: tell every process that a runner or config came or went. Caller: join, leave, renew, rescue.
-- Locks: nothing beyond the transaction.
update kongflow_meta set value = value + 1 where name = 'generation'
