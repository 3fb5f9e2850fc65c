-- Purpose: take the write lock before the first read of a transaction that a user began. Caller: insert_in, dequeue_in,
-- settle_in. Locks: the file, until the user's transaction ends. Writes nothing.
delete from kongflow_lane_check where lane = ''
