-- Purpose: list the queues of ready jobs that a runner serves although their kinds do not tell: nobody knew the
-- declared queue, or it is not the one that the runner names; each with a kind of these. By the names that it serves,
-- not by the jobs, which may be a million for others. Of each pattern up to 200 names, after the place of its entry in
-- `p_after`; `reached` are the places where the next look goes on, null for the beginning. Caller: pick_by_kind.
-- Locks: nothing.
create or replace function kongflow.served_names(
    p_runner kongflow.runner, p_kinds bigint[], p_after text[],
    out queues text[], out kinds bigint[], out reached text[]
)
language plpgsql stable set jit = off set enable_seqscan = off set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_served text;
    v_prefix text;
    v_queue text collate "C";
    v_names text[] := '{}';
    v_looks integer;
    v_kind bigint;
begin
    queues := '{}';
    kinds := '{}';
    reached := '{}';
    for v_n in 1..cardinality(p_runner.serves) loop
        v_served := p_runner.serves[v_n];
        v_prefix := split_part(v_served, '*', 1);
        v_queue := coalesce(p_after[v_n], v_prefix);
        v_looks := 0;
        if strpos(v_served, '*') = 0 then
            v_names := v_names || v_served;
        end if;
        while strpos(v_served, '*') > 0 and v_looks < 200 loop
            select queue into v_queue from kongflow.job where state = 2 and queue > v_queue order by queue limit 1;
            exit when v_queue is null or not starts_with(v_queue, v_prefix);
            v_names := v_names || v_queue;
            v_looks := v_looks + 1;
        end loop;
        reached := reached || case when v_looks = 200 then v_queue end;
    end loop;
    for v_queue in
        select name from (select distinct unnest(v_names) as name) as named
        where kongflow.serves(p_runner.serves, p_runner.config, name)
    loop
        v_kind := -9223372036854775808;
        loop
            select kind into v_kind from kongflow.job
            where state = 2 and queue = v_queue and kind > v_kind order by kind limit 1;
            exit when v_kind is null;
            if v_kind = any (p_kinds) then
                queues := queues || v_queue::text;
                kinds := kinds || v_kind;
            end if;
        end loop;
    end loop;
end
$$
