-- Purpose: put one queue right: its best jobs, as many as it has free slots, are ready. Ready ones beyond them may stay
-- so: the claim that meets them demotes them. Returns how many were promoted. A job that no live runner may take, or that
-- somebody has locked, holds neither slot nor place. Caller: normalise_noted, repair. Locks: the lane, for which it
-- waits; jobs that it promotes, without waiting. Callers come in the order of the names.
create or replace function kongflow.normalise(p_queue text) returns integer
language plpgsql as $$
declare
    v_slots integer := kongflow.limit_of(p_queue);
    v_running integer;
    v_promoted integer := 0;
begin
    if v_slots is null then
        update kongflow.job set state = 2
        where id in (
            select id from kongflow.job
            where queue = p_queue and state = 3 and kongflow.takeable(task, flags, queue)
            limit 2000
            for update skip locked
        );
        get diagnostics v_promoted = row_count;
        if v_promoted = 2000 then
            insert into kongflow.queue_check (queue) values (p_queue);
        end if;
        return v_promoted;
    end if;
    insert into kongflow.lane as l (queue, running) values (p_queue, 0)
    on conflict (queue) do update set granted = 0;
    -- A new statement, so a new snapshot: it sees what the one committed who held the lane before.
    select count(*) into v_running from kongflow.job where queue = p_queue and state = 4;
    if v_running < v_slots then
        v_promoted := kongflow.promote_best(p_queue, v_slots - v_running);
    end if;
    if v_running = 0 then
        delete from kongflow.lane where queue = p_queue;
    else
        update kongflow.lane set running = v_running where queue = p_queue and running <> v_running;
    end if;
    return v_promoted;
end
$$
