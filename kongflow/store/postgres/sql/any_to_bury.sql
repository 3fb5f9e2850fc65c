-- Purpose: say whether any job of a task that is gone waits. Caller: bury. Locks: nothing.
select exists (select from kongflow.job where state < 4 and task = any (cast(:tasks as text[])))
