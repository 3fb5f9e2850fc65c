-- Purpose: draw a number from 0 to 2^62 - 1 that nobody has drawn and nobody draws again: for leases and runners. It is
-- random, for a sequence goes back where a replica takes over that had not received the last writes
-- (docs/decisions/0015). Not random(), which a session may be told to repeat. Caller: join, lease_jobs. Locks: nothing.
create or replace function kongflow.draw_number() returns bigint
language sql volatile as $$
    select uuid_hash_extended(gen_random_uuid(), 0) & 4611686018427387903
$$
