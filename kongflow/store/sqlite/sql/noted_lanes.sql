-- Purpose: list lanes to put right: those that were noted first, and those whose rate limit is filled again.
-- Caller: claim, repair. Locks: nothing.
select lane from (select lane from kongflow_lane_check order by id limit :limit)
union all
select lane from kongflow_refill where refill_at <= :now
limit :limit
