-- Purpose: move jobs whose attempt is their last to the history, where it is kept or somebody awaits them. A requested
-- cancel, or a newer job of the key, overrules every end but success. Caller: end_attempts. Locks: the jobs.
create or replace function kongflow.finish_attempts(
    p_ends kongflow.attempt_end[], p_retention double precision[], p_now timestamptz
) returns setof kongflow.attempt_verdict
language plpgsql as $$
declare
    v_verdicts kongflow.attempt_verdict[];
    v_keys text[];
begin
    with judged as (
        select e.*, case
            when e.state = 5 then 1
            when j.cancel_requested then 2
            when exists (select from kongflow.newest w where w.key = j.claimed_key and w.id > j.id) then 3
            else 1
        end as verdict
        from unnest(p_ends) as e join kongflow.job j on j.id = e.id and j.lease = e.lease
        where j.id = any (array(select id from unnest(p_ends)))
    ), ended as (
        delete from kongflow.job j using judged
        where j.id = any (array(select id from judged)) and j.id = judged.id and j.lease = judged.lease
            and (judged.state <> 1 or judged.verdict <> 1)
        returning j.*, judged.n, judged.verdict, judged.detail, judged.result, judged.ended, judged.crashed,
            judged.keep,
            case when judged.verdict = 1 then judged.state else 7 end as final_state,
            case judged.verdict when 1 then judged.reason when 2 then 'request' else 'superseded' end as final_reason
    ), kept as (
        insert into kongflow.history (id, task, state, reason, detail, queue, priority, run_at, created_at, claimed_at,
            finished_at, purge_at, max_attempts, key, flags, tags, attempt, claims, crashes, runner, progress, payload,
            result, attempts, schedule)
        select id, task, final_state, final_reason, case when verdict = 1 then detail end, queue, priority, run_at,
            created_at, claimed_at, p_now,
            greatest(
                case when keep = 'all' or keep = 'failed' and final_state = 6
                    then kongflow.later(p_now, p_retention[final_state - 4]) end,
                case when awaited then p_now + interval '10 minutes' end
            ),
            max_attempts, claimed_key, flags, tags, attempt - crashed::integer, claims, crashes + crashed::integer,
            ran_on.runner, progress, payload, case when verdict = 1 then result::json end,
            kongflow.with_attempt(attempts, attempt, ran_on.runner, claimed_at, p_now,
                case when verdict = 1 then ended.ended else ended.ended || '{"outcome": "cancelled"}' end),
            schedule
        from ended left join lateral (
            select r.host || ':' || r.pid as runner from kongflow.runner r where r.id = ended.runner
        ) as ran_on on true
        where keep = 'all' or keep = 'failed' and final_state = 6 or awaited
    )
    select array_agg((n, verdict, queue)::kongflow.attempt_verdict),
        array_agg(claimed_key) filter (where claimed_key is not null)
    into v_verdicts, v_keys
    from ended;
    if v_keys is not null then
        perform kongflow.forget_newest(v_keys);
    end if;
    return query select * from unnest(v_verdicts);
end
$$
