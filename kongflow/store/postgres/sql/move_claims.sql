-- Purpose: after the server's clock was set ahead, move the instants at which a runner's jobs were claimed before by as
-- much: who ends the attempts of a lost runner judges by them how long each ran. Caller: the heartbeat. Locks: the
-- jobs, without waiting.
update kongflow.job set claimed_at = claimed_at + make_interval(secs => cast(:step as double precision))
where id = any (array(
    select id from kongflow.job
    where state = 4 and runner = cast(:runner as bigint)
        and claimed_at <= clock_timestamp() + cast(:shift as interval)
            - make_interval(secs => cast(:step as double precision))
    for update skip locked
))
returning id
