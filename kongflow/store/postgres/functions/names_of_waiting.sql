-- Purpose: list names after a place, in their order: of lanes with blocked jobs, and of queues whose jobs wait for a
-- pattern. It jumps from one name to the next: each may have a million. Caller: sweep. Locks: nothing.
create or replace function kongflow.names_of_waiting(p_after text, p_limit integer) returns text[]
language plpgsql stable set jit = off set enable_sort = off set enable_bitmapscan = off as $$
declare
    v_names text[] := '{}';
    v_name text collate "C" := p_after;
begin
    while cardinality(v_names) < p_limit loop
        v_name := least(
            (select lane from kongflow.job where state = 3 and lane > v_name order by lane limit 1),
            (select queue from kongflow.job where lane <> queue and queue > v_name order by queue limit 1)
        );
        exit when v_name is null;
        v_names := v_names || v_name;
    end loop;
    return v_names;
end
$$
