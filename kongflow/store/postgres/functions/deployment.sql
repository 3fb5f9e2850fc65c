-- Purpose: say whose tables these are, which revision they have, the oldest release that works with them, and which
-- database this is: the number of our tables, its own name and its server's identifier. A restored copy has the first
-- two in common with ours; the third where the owner of this function may read it, as anybody may at first. Also for a
-- role that may read no table. Caller: everybody who connects. Locks: nothing.
create or replace function kongflow.deployment(
    out version text, out oldest_release text, out name text, out identity text
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    select (select v.version_num from kongflow.version v),
        max(m.value) filter (where m.name = 'oldest_release'),
        max(m.value) filter (where m.name = 'name'),
        max(m.value) filter (where m.name = 'identity') || ' ' || current_database()
    into version, oldest_release, name, identity
    from kongflow.meta m;
    if has_function_privilege('pg_control_system()', 'execute') then
        identity := identity || ' ' || (select system_identifier from pg_control_system());
    end if;
end
$$
