-- Purpose: forget slots that were decided about long ago, but the last of a schedule and one that waits. Caller: prune.
-- Locks: nothing beyond the transaction.
delete from kongflow_slot
where (schedule, at) in (
    select s.schedule, s.at from kongflow_slot s
    where s.decided_at <= :before
        and (
            exists (select 1 from kongflow_slot newer where newer.schedule = s.schedule and newer.at > s.at)
            or not exists (select 1 from kongflow_schedule seen where seen.name = s.schedule)
        )
        and not exists (
            select 1 from kongflow_schedule seen where seen.name = s.schedule and seen.waiting_slot = s.at
        )
    limit :limit
)
