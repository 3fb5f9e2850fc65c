-- Purpose: claim the tables for a deployment, once, and read whose they are. Caller: check_name. Locks: the row of the
-- name.
insert into kongflow.meta (name, value) values ('name', cast(:name as text))
    on conflict (name) do update set value = meta.value
returning value
