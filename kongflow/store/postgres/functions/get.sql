-- Purpose: read one job, live or finished, also for a role that may read no table. Caller: get, dequeue_in, and whoever
-- may execute it. Locks: nothing.
create or replace function kongflow.get(p_id bigint) returns setof kongflow.job_row
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select * from kongflow.job_row where id = p_id
$$
