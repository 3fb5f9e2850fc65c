-- Purpose: note where a sweep is to go on. Caller: the sweep, join, leave, rescue, pause. Locks: nothing beyond the
-- transaction.
insert into kongflow_sweep (place, up_to) values (:place, :up_to)
