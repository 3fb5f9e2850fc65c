-- Purpose: forget starts that no rate limit counts any more. Caller: prune. Locks: nothing beyond the transaction.
delete from kongflow_start where rowid in (select rowid from kongflow_start where forget_at <= :now limit :limit)
