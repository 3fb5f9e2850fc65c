-- Purpose: move up to a thousand waiting jobs of tasks that are gone to their new name, to be routed anew, or cancel
-- them where it is null; returns how many. Caller: bury. Locks: the jobs, without waiting.
create or replace function kongflow.bury(p_tasks text[], p_new_names text[], p_shift interval) returns integer
language plpgsql as $$
declare
    v_job record;
    v_count integer := 0;
begin
    for v_job in
        select j.id, j.queue, j.lane, j.state, g.new_name
        from kongflow.job j join unnest(p_tasks, p_new_names) as g (task, new_name) using (task)
        where j.id = any (array(select kongflow.waiting_of_tasks(p_tasks, 1000))) and j.state + 0 < 4
        limit 1000
        for update of j skip locked
    loop
        v_count := v_count + 1;
        if v_job.new_name is null then
            perform kongflow.finish_waiting(v_job.id, 7, 'removed', null, true, null, clock_timestamp() + p_shift);
        else
            update kongflow.job
            set task = v_job.new_name, state = 0, lane = null, job_key = coalesce(job_key, claimed_key),
                claimed_key = null
            where id = v_job.id;
            if v_job.state = 2 and v_job.queue is not null or v_job.lane <> v_job.queue then
                insert into kongflow.lane_check (lane) values (v_job.queue);
            end if;
        end if;
    end loop;
    return v_count;
end
$$
