-- Purpose: make one partition of the history that jobs will need which finish within three days; true where one was
-- made. It covers whole days (UTC), an eighth of the retention or one day, less those that another partition or rows of
-- the default one have already. Caller: prune, until nothing is missing. With the rights of its owner: it is DDL.
-- Locks: the history, against writers, and its default partition, for some milliseconds: nobody is to write a row into
-- the one that belongs into the other. It waits for none who holds them for long: then jobs go into the default one
-- meanwhile.
create or replace function kongflow.make_partition(p_shift interval) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
    set lock_timeout = '100ms' as $$
declare
    v_now timestamptz := clock_timestamp() + p_shift;
    v_new record;
    v_name text;
begin
    with partitions as materialized (select * from kongflow.history_partitions())
    select wanted.state, bounds.since, bounds.until into v_new
    from (
        select distinct 4 + n as state, last + ahead * interval '1 day' as at,
            greatest(extract(epoch from last - v_now)::bigint / (8 * 86400), 1) as days
        from kongflow.config, unnest(retention) with ordinality as kept (seconds, n),
            kongflow.later(v_now, seconds) as last, generate_series(0, 3) as ahead
    ) as wanted,
        lateral (select extract(epoch from at)::bigint / (86400 * days) * (86400 * days) as second) as start,
        lateral (select to_timestamp(second) as since, to_timestamp(second + 86400 * days) as until) as grid,
        lateral (
            select
                greatest(
                    grid.since,
                    max(p.until) filter (where p.since <= at),
                    (
                        select date_trunc('day', max(purge_at)) + interval '1 day'
                        from kongflow.history_default d
                        where d.state = wanted.state and purge_at >= grid.since and purge_at < grid.until
                    )
                ) as since,
                least(grid.until, min(p.since) filter (where p.since > at)) as until
            from partitions as p
            where p.state = wanted.state
        ) as bounds
    where bounds.since < bounds.until and bounds.until > at
    order by at
    limit 1;
    -- To attach one is to search the default partition, some 3 s for five million rows: more make everybody wait in
    -- vain.
    if not found
        or (select reltuples > 5000000 from pg_class where oid = 'kongflow.history_default'::regclass)
        or not pg_try_advisory_xact_lock(1262898255, 'kongflow.history'::regclass::oid::integer)
        or kongflow.is_held(array['kongflow.history', 'kongflow.history_default']::regclass[])
    then
        return false;
    end if;
    v_name := 'history_' || (array['succeeded', 'failed', 'cancelled'])[v_new.state - 4]
        || to_char(v_new.since, '_YYYYMMDD');
    execute format('create table kongflow.%I (like kongflow.history including all)', v_name);
    lock table kongflow.history in share row exclusive mode;
    execute format('alter table kongflow.history attach partition kongflow.%I for values from (%s, %L) to (%s, %L)',
        v_name, v_new.state, v_new.since, v_new.state, v_new.until);
    return true;
exception
    -- Somebody was quicker with a lock, with a row for the default partition or with this one; or it would take too
    -- long.
    when lock_not_available or check_violation or duplicate_table or query_canceled then
        return false;
end
$$
