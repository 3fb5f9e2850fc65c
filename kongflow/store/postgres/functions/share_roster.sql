-- Purpose: keep runners, and so queue limits, as they are to the end of this transaction: one of ours, and a short one.
-- By this lock claims also tell whether a job is held by one of ours or by a user. Caller: claim, settle, repair.
-- Locks: the roster, shared. The first number is "KFLO".
create or replace function kongflow.share_roster() returns void
language sql as $$
    select pg_advisory_xact_lock_shared(1262898255, 'kongflow.runner'::regclass::oid::integer)
$$
