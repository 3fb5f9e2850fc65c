-- Purpose: a noted lane has been looked at. Caller: claim, repair. Locks: nothing beyond the transaction.
delete from kongflow_lane_check where lane = :lane
