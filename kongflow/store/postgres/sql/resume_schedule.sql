-- Purpose: resume a schedule. Caller: resume. Locks: see functions/resume_schedule.sql.
select kongflow.resume_schedule(cast(:name as text), cast(:shift as interval))
