-- Purpose: a runner is dead. Caller: rescue. Locks: nothing beyond the transaction.
update kongflow_runner set alive = 0 where id = :runner and alive
