-- Purpose: let a job whose attempt ended wait for the next one, and keep what `ended` says of it. Caller: settle,
-- rescue. Locks: nothing beyond the transaction.
update kongflow_job
set state = :state, run_at = coalesce(:run_at, run_at), attempt = attempt - :gives_back,
    crashes = case when :clears_crashes then 0 else crashes + :crashes end,
    attempts = json_insert(
        case when json_array_length(attempts) < 30 then attempts else coalesce(json_remove(attempts, '$[5]'), '[]') end,
        '$[#]',
        json_patch(
            json_object(
                'attempt', attempt, 'started_at', claimed_at, 'ended_at', :now,
                'runner', (select r.host || ':' || r.pid from kongflow_runner r where r.id = kongflow_job.runner)
            ),
            :ended
        )
    ),
    lease = null, claimed_mono = null, terms = null, overrunning = 0
where id = :id and lease = :lease and state = 4
returning queue
