-- Purpose: call a runner dead that has not renewed. Caller: rescue. Locks: see functions/declare_dead.sql.
select kongflow.declare_dead(cast(:runner as bigint), cast(:seen_at as timestamptz))
