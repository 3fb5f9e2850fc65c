-- Purpose: read which config a runner has. Caller: states, fire, forget. Locks: nothing.
select config from kongflow_runner where id = :runner
