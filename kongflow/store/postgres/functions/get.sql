-- Purpose: read one job, live or finished, also for a role that may read no table. Caller: get, dequeue_in, and whoever
-- may execute it. Locks: nothing.
create or replace function kongflow.get(p_id bigint) returns setof kongflow.job_row
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    -- In this language also servers before 18 keep the plan, which looks into every partition of the history.
    return query select * from kongflow.job_row where id = p_id;
end
$$
