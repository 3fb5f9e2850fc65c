-- Purpose: say which of the best blocked jobs of queues a runner may have at once, without a claim: those that its next
-- claim would take first, in queues that run one job at a time and whose slot the caller has just freed. Where that
-- depends on anything else (a pattern's slots, a rate, a suspect, a key with a newer job), the claim decides.
-- Caller: free_slots. Locks: nothing; the caller has locked these jobs and their lanes.
create or replace function kongflow.next_for(p_runner bigint, p_ids bigint[], p_queues text[], p_now timestamptz)
returns bigint[]
language plpgsql set jit = off set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_runner kongflow.runner;
    v_first record;
begin
    select * into v_runner from kongflow.runner where id = p_runner and alive and seen_at + lease / 2 >= p_now;
    if not found or (select run_at from kongflow.job where state = 1 order by run_at limit 1) <= p_now then
        return '{}';
    end if;
    select priority, run_at, id into v_first from kongflow.job
    where state = 2 and priority is not null order by priority, run_at, id limit 1;
    return array(
        select j.id
        from unnest(p_ids) as next (id)
        join kongflow.job j using (id)
        join kongflow.lane l on l.name = j.queue
        join kongflow.limits_of(array(select distinct unnest(p_queues))) as limits on limits.lane = j.queue
        where j.id = any (p_ids) and limits.slots = 1 and limits.pattern is null and limits.rate_limit is null
            and l.running = 1
            and j.lane = j.queue and j.task = any (v_runner.tasks)
                and not coalesce(j.flags && v_runner.forbidden_flags, false)
            and kongflow.serves(v_runner.serves, v_runner.config, j.queue)
            and j.crashes = 0
            and not exists (select from kongflow.newest w where w.key = coalesce(j.job_key, j.claimed_key))
            and (v_first.id is null or (j.priority, j.run_at, j.id) < (v_first.priority, v_first.run_at, v_first.id))
        order by j.priority, j.run_at, j.id
    );
end
$$
