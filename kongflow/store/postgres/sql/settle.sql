-- Purpose: write the ends of attempts. Caller: settle, rescue. Locks: see functions/settle.sql.
select s.verdicts, (s.job).* from kongflow.settle(
    kongflow.attempt_ends(cast(:ids as bigint[]), cast(:leases as bigint[]), cast(:states as integer[]),
        cast(:reasons as text[]), cast(:details as text[]), cast(:results as text[]), cast(:ended as text[]),
        cast(:delays as double precision[]), cast(:gives_back as boolean[]), cast(:clears_crashes as boolean[]),
        cast(:crashed as boolean[]), cast(:keeps as text[])),
    cast(:retention as double precision[]), cast(:runner as bigint), cast(:next_of as text[]), cast(:dead as bigint),
    cast(:shift as interval)) as s
