-- Purpose: lease ready jobs of equal terms, with growing tokens. Their keys move away from producers, and what a
-- stranger needs to end the attempts is written. Caller: claim, settle. Locks: nothing beyond the transaction.
update kongflow_job
set state = 4, attempt = attempt + 1, claims = claims + 1, claimed_key = coalesce(job_key, claimed_key), job_key = null,
    runner = :runner, lease = :first + picked.key, claimed_at = :now, claimed_mono = :mono, terms = :terms,
    cancel_requested = 0, overrunning = 0, progress = null
from json_each(:ids) picked
where kongflow_job.id = picked.value
returning id, lease, task, queue, priority, payload, attempt, claims, crashes, run_at, created_at, ready_at,
    claimed_key, flags, tags
