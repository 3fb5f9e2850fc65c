-- Purpose: return the partitions of the history but the default one: the state of their jobs, and from when until when
-- those may go. Caller: make_partition, drop_partition. Locks: nothing.
create or replace function kongflow.history_partitions()
returns table (name regclass, state integer, since timestamptz, until timestamptz)
language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' as $$
    select inhrelid::regclass, bounds[1]::integer, bounds[2]::timestamptz, bounds[3]::timestamptz
    from pg_inherits join pg_class on pg_class.oid = inhrelid,
        regexp_match(pg_get_expr(relpartbound, inhrelid), $re$FROM \('(\d)', '(.*)'\) TO \('\d', '(.*)'\)$re$) as bounds
    where inhparent = 'kongflow.history'::regclass and bounds is not null
$$
