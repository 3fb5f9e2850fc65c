-- Purpose: name jobs in a note, of many the first three. Caller: decide_slot. Locks: nothing.
create or replace function kongflow.jobs_named(p_ids bigint[]) returns text
language sql immutable as $$
    select case when cardinality(p_ids) = 1 then 'job ' else 'jobs ' end || array_to_string(p_ids[:3], ', ')
        || case when cardinality(p_ids) > 3 then ' and more' else '' end
$$
