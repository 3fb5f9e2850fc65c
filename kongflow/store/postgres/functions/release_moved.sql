-- Purpose: let jobs of some queues that wait for a slot of a pattern wait in the lane of their queue, where the config
-- in force gives the queue to another rule now: up to 2,000 of them; returns how many. Caller: sweep. Locks: the jobs,
-- without waiting.
create or replace function kongflow.release_moved(p_queues text[]) returns integer
language plpgsql set jit = off set enable_seqscan = off set enable_bitmapscan = off as $$
declare
    v_config text := (select value from kongflow.meta where name = 'in_force');
    v_moved integer;
begin
    update kongflow.job set lane = queue
    where id = any (array(
        select moved.id
        from (
            select name, coalesce((select r.name from kongflow.rule_of(v_config, q.name) as r), '') as rule
            from unnest(p_queues) as q (name)
        ) as belongs
        cross join lateral (
            select * from (
                select id from kongflow.job j
                where j.queue = belongs.name and j.lane <> j.queue and j.lane < belongs.rule
                limit 2000
                for update skip locked
            ) as before
            union all
            select * from (
                select id from kongflow.job j
                where j.queue = belongs.name and j.lane <> j.queue and j.lane > belongs.rule
                limit 2000
                for update skip locked
            ) as after
        ) as moved
        limit 2000
    ));
    get diagnostics v_moved = row_count;
    return v_moved;
end
$$
