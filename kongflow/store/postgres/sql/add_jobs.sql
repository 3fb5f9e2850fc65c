-- Purpose: add jobs. Caller: insert, insert_in. Locks: see functions/add_jobs.sql.
select * from kongflow.add_jobs(cast(:tasks as text[]), cast(:payloads as text[]), cast(:queues as text[]),
    cast(:rules as text[]), cast(:priorities as integer[]), cast(:run_ats as timestamptz[]),
    cast(:delays as double precision[]), cast(:max_attempts as integer[]), cast(:keys as text[]),
    cast(:modes as text[]), cast(:flags as text[]), cast(:tags as text[]), cast(:awaited as boolean[]),
    cast(:shift as interval))
