-- Purpose: count a start. Caller: claim. Locks: nothing beyond the transaction.
insert into kongflow_start (queue, at, forget_at) values (:queue, :now, :forget_at)
