-- Purpose: let jobs that wait for a slot of a pattern wait in the lane of their queue, where the config in force gives the
-- queue to another rule now. Caller: roster_changed, which has locked the roster. Locks: the jobs, without waiting.
create or replace function kongflow.release_moved(p_config text) returns void
language plpgsql as $$
declare
    v_waiting record;
begin
    for v_waiting in
        select waiting.queue, waiting.lane
        from (select distinct queue, lane from kongflow.job where state = 3 and lane <> queue) as waiting
        where (select r.name from kongflow.rule_of(p_config, waiting.queue) as r) is distinct from waiting.lane
    loop
        update kongflow.job set lane = queue
        where id in (
            select id from kongflow.job
            where queue = v_waiting.queue and state = 3 and lane = v_waiting.lane
            for update skip locked
        );
    end loop;
end
$$
