-- Purpose: return stored errors with one more, written now; the oldest beyond a hundred are dropped.
-- Caller: settle, finish_waiting. Locks: nothing.
create or replace function kongflow.with_error(p_errors jsonb, p_error jsonb, p_now timestamptz) returns jsonb
language sql immutable as $$
    select case
        when p_error is null then p_errors
        else (
            select jsonb_agg(entry order by n)
            from (
                select entry, n
                from jsonb_array_elements(
                    coalesce(p_errors, '[]')
                    || jsonb_build_array(p_error || jsonb_build_object('at', floor(extract(epoch from p_now) * 1000)::bigint))
                ) with ordinality as entries (entry, n)
                order by n desc
                limit 100
            ) as newest
        )
    end
$$
