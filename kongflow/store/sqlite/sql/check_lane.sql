-- Purpose: note a lane for the next claim. Caller: whoever puts lanes right and leaves something over, and writes
-- inside a user's transaction. Locks: nothing beyond the transaction.
insert or ignore into kongflow_lane_check (lane) values (:lane)
