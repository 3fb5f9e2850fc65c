-- Purpose: cancel the waiting job of a key. Caller: dequeue, dequeue_in. Locks: see functions/dequeue.sql.
select kongflow.dequeue(cast(:key as text), cast(:shift as interval))
