-- Purpose: return tags or flags, given as a JSON list, as they are stored: null where there are none.
-- Caller: add_jobs, route_job. Locks: nothing.
create or replace function kongflow.names(p_names text) returns text[]
language sql immutable as $$
    select case when p_names is not null then array(select json_array_elements_text(p_names::json)) end
$$
