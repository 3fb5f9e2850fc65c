-- Purpose: draw the conclusions of a runner that came or went: which config is in force, who takes what, and, where
-- that is different now, which queues must be put right. Caller: join, leave, revive, declare_dead, which have locked
-- the roster. Locks: nothing that anybody waits for.
create or replace function kongflow.roster_changed() returns void
language plpgsql as $$
declare
    v_before text := (select value from kongflow.meta where name = 'in_force');
    v_after text;
begin
    select c.hash into v_after from kongflow.config c
    order by exists (select from kongflow.runner r where r.alive and r.config = c.hash) desc, c.came desc
    limit 1;
    if v_after is not distinct from v_before and not exists (
        (select * from kongflow.takers_now() except select * from kongflow.taker)
        union all
        (select * from kongflow.taker except select * from kongflow.takers_now())
    ) then
        return;
    end if;
    update kongflow.meta set value = v_after where name = 'in_force';
    delete from kongflow.taker;
    insert into kongflow.taker select * from kongflow.takers_now();
    if v_after is distinct from v_before then
        -- A queue may have a limit now that had none: nobody has counted its running jobs.
        delete from kongflow.lane;
        insert into kongflow.lane (name, running)
        select lanes.lane, lanes.running
        from kongflow.running_in(
            array(
                select distinct queue from kongflow.job where state = 4 and queue is not null
                union all
                select name from kongflow.rule where config = v_after and is_pattern and max_active is not null
            )
        ) as lanes
        join kongflow.limits_of(
            array(
                select distinct queue from kongflow.job where state = 4 and queue is not null
                union all
                select name from kongflow.rule where config = v_after and is_pattern and max_active is not null
            )
        ) as limits using (lane)
        where limits.slots is not null;
    end if;
    perform kongflow.check_blocked_lanes();
end
$$
