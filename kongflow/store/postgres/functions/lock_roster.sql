-- Purpose: let nobody claim or settle while runners, and so queue limits, change. Caller: join, leave, revive,
-- declare_dead. Locks: the roster, which waits for the claims and settles of the moment.
create or replace function kongflow.lock_roster() returns void
language sql as $$
    select pg_advisory_xact_lock(1262898255, 'kongflow.runner'::regclass::oid::integer)
$$
