-- Purpose: write the end of a job to the history, where it is kept or somebody awaits it. Caller: every end of a job.
-- `ended` is what is kept of its attempt, null where it has none to keep; `lease` null: a job that nobody runs.
-- Locks: nothing beyond the transaction.
insert or replace into kongflow_history (id, task, state, reason, detail, queue, priority, run_at, created_at,
    claimed_at, finished_at, purge_at, max_attempts, key, flags, tags, attempt, claims, crashes, runner, progress,
    payload, result, attempts, schedule)
select j.id, j.task, :state, :reason, :detail, j.queue, coalesce(j.priority, 0), coalesce(j.run_at, j.created_at),
    j.created_at, j.claimed_at, :now,
    case when j.awaited then max(:purge_at, :awaited_until) else :purge_at end,
    j.max_attempts, coalesce(j.job_key, j.claimed_key), j.flags, j.tags, j.attempt - :crashes, j.claims,
    j.crashes + :crashes, r.host || ':' || r.pid, j.progress, j.payload, :result,
    case when :ended is null then j.attempts else json_insert(
        case
            when json_array_length(j.attempts) < 30 then j.attempts else coalesce(json_remove(j.attempts, '$[5]'), '[]')
        end,
        '$[#]',
        json_patch(
            json_object(
                'attempt', j.attempt, 'started_at', iif(:lease is null, null, j.claimed_at), 'ended_at', :now,
                'runner', r.host || ':' || r.pid
            ),
            :ended
        )
    ) end,
    j.schedule
from kongflow_job j left join kongflow_runner r on r.id = j.runner
where j.id = :id and (:lease is null and j.state < 4 or j.lease = :lease and j.state = 4) and (:keep or j.awaited)
