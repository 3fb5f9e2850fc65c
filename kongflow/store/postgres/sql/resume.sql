-- Purpose: end a pause. Caller: resume. Locks: see functions/resume.sql.
select kongflow.resume(cast(:name as text))
