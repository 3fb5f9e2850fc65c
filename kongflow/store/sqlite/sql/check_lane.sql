-- Purpose: note a lane for the next claim. Caller: writes inside a user's transaction. Locks: nothing beyond it.
insert or ignore into kongflow_lane_check (lane) values (:lane)
