-- Purpose: return how long finished jobs are kept, as the config that came last says, for ends that no runner writes:
-- the seconds for succeeded, failed and cancelled. Before any config has come: the defaults of core/catalog.py. Caller:
-- finish_waiting, settle_in. Locks: nothing.
create or replace function kongflow.published_retention() returns double precision[]
language sql stable as $$
    select coalesce((select retention from kongflow.config order by came desc limit 1), array[604800, 2592000, 604800])
$$
