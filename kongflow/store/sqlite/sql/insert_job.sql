-- Purpose: add one live job. Caller: insert. Locks: nothing beyond the transaction.
insert into kongflow_job (task, state, queue, rule, priority, run_at, ready_at, created_at, max_attempts, job_key,
    flags, tags, awaited, payload)
values (:task, :state, :queue, :rule, :priority, :run_at, :ready_at, :now, :max_attempts, :key, :flags, :tags, :awaited,
    :payload)
