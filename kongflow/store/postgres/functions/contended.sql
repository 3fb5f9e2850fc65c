-- Purpose: list queues in which picked jobs would take slots from better ones: that have become ready since they were
-- picked, or that another statement of ours holds, and somebody may take. One that a user's transaction holds has no
-- place. Ours shares the roster, and locks a job alone; of who shares a job or has just gone, nothing is in pg_locks.
-- Caller: take_slots, which has locked the lanes: nobody else takes slots of theirs meanwhile.
-- Locks: better jobs that nobody holds, without waiting.
create or replace function kongflow.contended(
    p_runner kongflow.runner, p_ranked kongflow.picked_job[], p_grants kongflow.lane_grant[]
) returns text[]
language plpgsql as $$
declare
    -- Of these it is known how many jobs may start. What a rate or a pattern lets start is not counted here.
    v_counted text[] := array(
        select distinct queue from unnest(p_ranked) where slots is not null and pattern is null and rate_limit is null
    );
    v_queues text[];
    v_ids bigint[];
    v_free bigint[];
    v_ours bigint[];
begin
    select array_agg(queue), array_agg(id) into v_queues, v_ids from kongflow.not_picked(p_ranked, p_grants);
    if v_ids is null then
        return '{}';
    end if;
    -- Elsewhere a better job that is not for this runner would keep it away until somebody else takes that.
    v_free := array(
        select id from kongflow.job
        where id = any (v_ids) and state + 0 = 2 and (
            queue = any (v_counted)
            or crashes = 0 and task = any (p_runner.tasks) and not coalesce(flags && p_runner.forbidden_flags, false)
                and kongflow.serves(p_runner.serves, p_runner.config, queue)
        )
        for update skip locked
    );
    v_ours := array(
        select id from kongflow.job
        where id = any (v_ids) and id <> all (v_free) and xmax = any (array(
            select held.transactionid from pg_locks as held join pg_locks as roster using (virtualtransaction)
            where held.locktype = 'transactionid' and held.granted and roster.granted
                and roster.locktype = 'advisory' and roster.objsubid = 2 and roster.classid = 1262898255
                and roster.objid = 'kongflow.runner'::regclass::oid
        ))
    );
    return array(
        select better.queue
        from unnest(v_queues, v_ids) as better (queue, id)
        join (
            select queue, max(slots) filter (where queue = any (v_counted)) as slots
            from unnest(p_ranked) group by queue
        ) as of_queue on of_queue.queue = better.queue
        left join kongflow.lane l on l.name = better.queue
        where better.id = any (v_free || v_ours)
        group by better.queue, of_queue.slots, l.running
        having count(*) > coalesce(of_queue.slots - l.running, 0)
    );
end
$$
