-- Purpose: lease ready jobs of equal terms, each with a random token, which no other claim has: not one before the file
-- was put back to an older state either. Their keys move away from producers, and what a stranger needs to end the
-- attempts is written. Caller: claim, settle. Locks: nothing beyond the transaction.
update kongflow_job
set state = 4, attempt = attempt + 1, claims = claims + 1, claimed_key = coalesce(job_key, claimed_key), job_key = null,
    runner = :runner, lease = random() & 9223372036854775807, claimed_at = :now, claimed_mono = :mono, terms = :terms,
    cancel_requested = 0, overrunning = 0, progress = null
where id in (select value from json_each(:ids))
returning id, lease, task, queue, priority, payload, attempt, claims, crashes, run_at, created_at, ready_at,
    claimed_key, flags, tags
