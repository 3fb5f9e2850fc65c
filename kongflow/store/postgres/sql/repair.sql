-- Purpose: put queues with blocked jobs right. Caller: repair. Locks: see functions/repair.sql.
select promoted, reached from kongflow.repair(cast(:runner as bigint), cast(:after as text), cast(:limit as integer),
    cast(:shift as interval))
