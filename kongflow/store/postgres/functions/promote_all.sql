-- Purpose: make the blocked jobs of a queue that has no limit any more ready, up to 2,000 at a time; the queue is noted
-- where there may be more. Caller: normalise. Locks: the jobs, without waiting.
create or replace function kongflow.promote_all(p_queue text) returns integer
language plpgsql as $$
declare
    v_promoted integer;
begin
    update kongflow.job set state = 2
    where id = any (array(
        select id from kongflow.job
        where queue = p_queue and state = 3 and kongflow.takeable(task, flags, queue)
        limit 2000
        for update skip locked
    ));
    get diagnostics v_promoted = row_count;
    if v_promoted = 2000 then
        insert into kongflow.queue_check (queue) values (p_queue);
    end if;
    return v_promoted;
end
$$
