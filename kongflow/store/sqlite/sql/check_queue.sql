-- Purpose: note a queue for the next claim. Caller: writes inside a user's transaction. Locks: nothing beyond it.
insert or ignore into kongflow_queue_check (queue) values (:queue)
