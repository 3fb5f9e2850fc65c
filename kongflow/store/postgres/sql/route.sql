-- Purpose: write the results of routing. Caller: route. Locks: see functions/route.sql.
select kongflow.route(cast(:ids as bigint[]), cast(:tasks as text[]), cast(:payloads as text[]),
    cast(:queues as text[]), cast(:rules as text[]), cast(:priorities as integer[]), cast(:run_ats as timestamptz[]),
    cast(:delays as double precision[]), cast(:max_attempts as integer[]), cast(:keys as text[]),
    cast(:modes as text[]), cast(:flags as text[]), cast(:tags as text[]), cast(:failures as text[]),
    cast(:ended as text[]), cast(:keeps as boolean[]), cast(:retention as double precision), cast(:shift as interval))
