-- Purpose: say which database a caller's connection is on: the number of our tables, and of the database.
-- Caller: insert_in, dequeue_in, settle_in. Locks: nothing.
select value || ' ' || current_database() from kongflow.meta where name = 'identity'
