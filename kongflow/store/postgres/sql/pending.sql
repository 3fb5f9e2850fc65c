-- Purpose: count what is left as one runner sees it. Caller: pending. Locks: nothing.
select now, later, others from kongflow.pending(cast(:runner as bigint), cast(:shift as interval))
