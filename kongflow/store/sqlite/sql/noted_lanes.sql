-- Purpose: list lanes to put right: noted ones, and those whose rate limit is filled again. Caller: claim, repair.
-- Locks: nothing.
select lane from kongflow_lane_check
union all
select lane from kongflow_refill where refill_at <= :now
limit :limit
