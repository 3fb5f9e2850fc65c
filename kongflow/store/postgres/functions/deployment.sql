-- Purpose: say whose tables these are, which revision they have, the oldest release that works with them, and which
-- database this is: the number of our tables and its own name. Also for a role that may read no table.
-- Caller: everybody who connects. Locks: nothing.
create or replace function kongflow.deployment(
    out version text, out oldest_release text, out name text, out identity text
)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select (select v.version_num from kongflow.version v),
        max(m.value) filter (where m.name = 'oldest_release'),
        max(m.value) filter (where m.name = 'name'),
        max(m.value) filter (where m.name = 'identity') || ' ' || current_database()
    from kongflow.meta m
$$
