-- Purpose: write ends of attempts and leave freed slots to the next claim: inside a transaction of ours that a handler
-- fills, and where a settle was refused. Caller: settle_in, settle, rescue. Locks: see functions/settle_in.sql.
select kongflow.settle_in(
    kongflow.attempt_ends(cast(:ids as bigint[]), cast(:leases as bigint[]), cast(:states as integer[]),
        cast(:reasons as text[]), cast(:details as text[]), cast(:results as text[]), cast(:ended as text[]),
        cast(:delays as double precision[]), cast(:gives_back as boolean[]), cast(:clears_crashes as boolean[]),
        cast(:crashed as boolean[]), cast(:keeps as text[])),
    cast(:dead as bigint), cast(:shift as interval))
