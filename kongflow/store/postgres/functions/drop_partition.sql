-- Purpose: do the next step of dropping the partitions of the history whose days are over: empty one, which only those
-- feel who read it, or drop an empty one; true where a step was done. It is `p_latest` at most, whatever the server's
-- clock says. Caller: prune, until there is none. With the rights of its owner: it is DDL. Locks: the partition; to
-- drop it, also the history and its default partition, for some milliseconds. It waits for none who holds them for
-- long: then they are for the next time.
create or replace function kongflow.drop_partition(p_latest timestamptz, p_shift interval) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '100ms' as $$
declare
    v_table regclass;
    v_full boolean;
begin
    if not pg_try_advisory_xact_lock(1262898255, 'kongflow.history'::regclass::oid::integer) then
        return false;
    end if;
    for v_table in
        select name from kongflow.history_partitions()
        where until <= least(clock_timestamp(), p_latest) + p_shift
        order by until
    loop
        v_full := pg_relation_size(v_table) > 0;
        continue when kongflow.is_held(
            case when not v_full then array['kongflow.history', 'kongflow.history_default']::regclass[] end || v_table
        );
        begin
            execute format(case when v_full then 'truncate %s' else 'drop table %s' end, v_table);
            return true;
        exception
            -- Somebody was quicker, or has made a view of it.
            when lock_not_available or dependent_objects_still_exist then
                null;
        end;
    end loop;
    return false;
end
$$
