-- Purpose: get jobs out of the way for which a claim was refused. Caller: claim. Locks: see functions/set_aside.sql.
select refused, of_task, why, became from kongflow.set_aside(cast(:runner as bigint), cast(:limit as integer),
    cast(:suspects as integer), cast(:after as text[]), cast(:delay as double precision),
    cast(:retention as double precision), cast(:shift as interval))
