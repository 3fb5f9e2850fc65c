-- Purpose: say whether a transaction of somebody else's has held one of these tables for 50 ms, and so may hold it for
-- long. Who waits for such a lock lets others wait behind him. Caller: make_partition, drop_partition. Locks: nothing.
create or replace function kongflow.is_held(p_tables regclass[]) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    v_holders text[];
begin
    for v_look in 1..2 loop
        v_holders := array(
            select virtualtransaction
            from pg_locks
            where locktype = 'relation' and relation = any(p_tables::oid[]) and granted
                and database = (select oid from pg_database where datname = current_database())
                and pid is distinct from pg_backend_pid() and (v_look = 1 or virtualtransaction = any(v_holders))
        );
        if cardinality(v_holders) = 0 then
            return false;
        elsif v_look = 1 then
            perform pg_sleep(0.05);
        end if;
    end loop;
    return true;
end
$$
