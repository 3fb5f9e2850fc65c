-- Purpose: have every lane with blocked jobs put right by the next claims. Caller: repair, where one was refused.
-- Locks: the roster.
with locked as materialized (select kongflow.lock_roster())
select kongflow.check_blocked_lanes() from locked
