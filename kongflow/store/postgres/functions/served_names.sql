-- Purpose: list the queues of ready jobs that a runner serves although their kinds do not tell: nobody knew the
-- declared queue, or it is not the one that the runner names. By the names that it serves, not by the jobs, which may
-- be a million for others; of each pattern up to 200 names, the first: those behind them come when these are gone.
-- Caller: pick_by_kind. Locks: nothing.
create or replace function kongflow.served_names(p_runner kongflow.runner, p_kinds bigint[])
returns table (queue text, kind bigint)
language plpgsql stable set jit = off set enable_seqscan = off set enable_sort = off set enable_bitmapscan = off as $$
#variable_conflict use_column
declare
    v_served text;
    v_prefix text;
    v_queue text collate "C";
    v_queues text[] := '{}';
    v_looks integer;
    v_kind bigint;
begin
    foreach v_served in array p_runner.serves loop
        v_queue := split_part(v_served, '*', 1);
        v_prefix := v_queue;
        v_looks := 0;
        if strpos(v_served, '*') = 0 then
            v_queues := v_queues || v_served;
        end if;
        while strpos(v_served, '*') > 0 and v_looks < 200 loop
            select queue into v_queue from kongflow.job where state = 2 and queue > v_queue order by queue limit 1;
            exit when v_queue is null or not starts_with(v_queue, v_prefix);
            v_queues := v_queues || v_queue;
            v_looks := v_looks + 1;
        end loop;
    end loop;
    for v_queue in
        select name from (select distinct unnest(v_queues) as name) as named
        where kongflow.serves(p_runner.serves, p_runner.config, name)
    loop
        v_kind := -9223372036854775808;
        loop
            select kind into v_kind from kongflow.job
            where state = 2 and queue = v_queue and kind > v_kind order by kind limit 1;
            exit when v_kind is null;
            if v_kind = any (p_kinds) then
                queue := v_queue;
                kind := v_kind;
                return next;
            end if;
        end loop;
    end loop;
end
$$
