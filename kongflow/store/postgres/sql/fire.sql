-- Purpose: decide about slots of a schedule. Caller: fire. Locks: see functions/fire.sql.
select * from kongflow.fire(cast(:runner as bigint), cast(:schedule as text), cast(:timing as text),
    cast(:seen_timing as text), cast(:seen as timestamptz), cast(:up_to as timestamptz),
    cast(:read as timestamptz), cast(:overlap as text),
    cast(:slots as jsonb), cast(:shift as interval))
